/** Keeps the compute thread busy: steps of a small network with a contrastive loss, enqueued and not awaited. */
import * as ops from '../../../lib/tensor/ops.ts';
import { tensor } from '../../../lib/tensor/tensor.ts';

export function enqueueSteps(count: number): void {
  const x = ops.randn([512, 256], { seed: 1 });
  const labels = tensor(Float64Array.from({ length: 256 }, (_, i) => i % 10)).to('int64');
  const weight = ops.randn([256, 128], { seed: 2 });
  weight.requiresGrad = true;
  for (let step = 0; step < count; step++) {
    const features = x.matmul(weight).tanh().reshape([256, 2, 128]);
    const [loss] = ops.supConLoss(features, labels, undefined, undefined, { temperature: 0.1 });
    const similarity = ops.matmul(x, x.t()).mul(0.01).softmax(1);
    loss.add(similarity.matmul(x).matmul(weight).square().mean()).backward();
    weight.zeroGrad();
  }
}
