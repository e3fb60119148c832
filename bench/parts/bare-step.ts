/** What a training step takes at the least: forward, backward and update, on images that are there. */
import { type Compiled, compile, SGD, type Tensor } from '../../lib/index.ts';

/** Returns the mean square of what `forward` makes of the images, which is what is made less. Recorded as one job. */
export function bareStep(
  forward: (images: Tensor) => Tensor,
  parameters: readonly Tensor[],
): Compiled<[Tensor], Tensor> {
  const optimizer = new SGD(parameters, { lr: 1e-6, momentum: 0.9 });
  return compile((images: Tensor) => {
    optimizer.zeroGrad();
    const loss = forward(images).to('float32').square().mean();
    loss.backward();
    optimizer.step();
    return loss.detach();
  });
}
