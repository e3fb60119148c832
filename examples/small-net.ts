/** An encoder in a file of its own: `contrastive train --encoder examples/small-net.ts --data fashion-mnist:bundled` trains it. */
import { nn, type Tensor } from 'contrastive';

/** Three strided convolutions and a mean: (batch, inChannels, height, width) → (batch, 64). */
export default class SmallNet extends nn.Module {
  readonly featureDim = 64;
  readonly layers: nn.Sequential;

  constructor({ inChannels = 3 }: { readonly inChannels?: number } = {}) {
    super();
    const block = (from: number, to: number): nn.Module[] => [
      new nn.Conv2d(from, to, 3, { stride: 2, padding: 1, bias: false }),
      new nn.BatchNorm2d(to),
      new nn.ReLU(),
    ];
    this.layers = new nn.Sequential([...block(inChannels, 16), ...block(16, 32), ...block(32, 64)]);
  }

  override forward(images: Tensor): Tensor {
    return this.layers.forward(images).mean([2, 3]);
  }
}
