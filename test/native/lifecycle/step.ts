/** Keeps the compute thread busy: steps of a small network with a contrastive loss, enqueued and not awaited. */
import * as internal from '../../../lib/tensor/internal-ops.ts';
import * as ops from '../../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../../lib/tensor/tensor.ts';

/** Some milliseconds of work a step. Returns the last loss. */
export function enqueueSteps(count: number, device = 'cpu'): Tensor {
  const x = ops.randn([256, 128], { seed: 1 }).to({ device });
  const labels = tensor(Int32Array.from({ length: 128 }, (_, i) => i % 10)).to({ device, dtype: 'int64' });
  const weight = ops.randn([128, 64], { seed: 2 }).to({ device });
  weight.requiresGrad = true;
  let loss = x;
  for (let step = 0; step < count; step++) {
    const features = x.matmul(weight).tanh();
    const similarity = x.matmul(x.t()).mul(0.01).softmax(1);
    [loss] = internal.contrastiveLoss(features.reshape([128, 2, 64]), { labels, temperature: 0.1 });
    loss.add(similarity.matmul(features).square().mean()).backward();
    weight.zeroGrad();
  }
  return loss;
}
