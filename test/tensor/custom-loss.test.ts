/** The supervised contrastive loss, written in TypeScript with ops, against nested loops and the native loss. */
import { describe, expect, it } from 'vitest';
import * as internal from '../../lib/tensor/internal-ops.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type DType, type Tensor, tensor } from '../../lib/tensor/tensor.ts';

/** L_out of Khosla et al. 2020, eq. 2; rows of `z` (n, d) with a label each. */
function supCon(z: Tensor, labels: Tensor, temperature: number): Tensor {
  const n = z.shape[0] as number;
  const unit = z.div(z.norm(2, 1, true)); // (n, d)
  const self = ops.eye(n).gt(0);
  const logits = unit.matmul(unit.t()).div(temperature).maskedFill(self, Number.NEGATIVE_INFINITY); // (n, n)
  const logProbability = logits.sub(logits.logsumexp(1, true));
  const positive = labels.unsqueeze(0).eq(labels.unsqueeze(1)).logicalAnd(self.logicalNot());
  const count = positive.sum(1).clamp(1);
  const perAnchor = ops.where(positive, logProbability, 0).sum(1).div(count).neg();
  const valid = positive.any(1).to(z.dtype);
  return perAnchor.mul(valid).sum().div(valid.sum());
}

function oracle(z: number[][], labels: number[], temperature: number): number {
  const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * (b[i] as number), 0);
  const unit = z.map((row) => row.map((v) => v / Math.sqrt(dot(row, row))));
  const losses: number[] = [];
  for (const [i, anchor] of unit.entries()) {
    let denominator = 0;
    for (const [a, other] of unit.entries()) if (a !== i) denominator += Math.exp(dot(anchor, other) / temperature);
    const terms: number[] = [];
    for (const [p, other] of unit.entries())
      if (p !== i && labels[p] === labels[i]) terms.push(dot(anchor, other) / temperature - Math.log(denominator));
    if (terms.length > 0) losses.push(-terms.reduce((sum, v) => sum + v, 0) / terms.length);
  }
  return losses.reduce((sum, v) => sum + v, 0) / losses.length;
}

const n = 12;
const labels = [0, 0, 1, 1, 2, 2, 0, 1, 3, 2, 2, 0]; // label 3 has no positive
const values = Array.from({ length: n }, (_, i) => Array.from({ length: 4 }, (_, k) => Math.sin(3 * i + 1.7 * k + 1)));
const features = (dtype: DType = 'float64') => tensor(values, { dtype, requiresGrad: true });
const labelTensor = () => tensor(labels, { dtype: 'int64' });

describe('a loss written in TypeScript', () => {
  it.each([0.07, 0.5, 2])('equals the nested loops at temperature %d', async (temperature) => {
    const loss = supCon(features(), labelTensor(), temperature);
    expect([loss.shape, loss.dtype, loss.requiresGrad]).toEqual([[], 'float64', true]);
    expect(await loss.item()).toBeCloseTo(oracle(values, labels, temperature), 10);
  });

  it('has the value and the gradient of the native loss', async () => {
    const z = features();
    supCon(z, labelTensor(), 0.1).backward();
    const native = features();
    const [loss] = internal.contrastiveLoss(native.unsqueeze(1), { labels: labelTensor(), temperature: 0.1 });
    loss.backward();
    const expected = await (native.grad as Tensor).data();
    const got = await (z.grad as Tensor).data();
    expect(await loss.item()).toBeCloseTo(oracle(values, labels, 0.1), 10);
    for (const [i, value] of expected.entries()) expect(Number(got[i])).toBeCloseTo(Number(value), 10);
  });

  it('trains a linear map by hand', async () => {
    const x = tensor(values);
    const w = ops.randn([4, 8], { seed: 3 });
    w.requiresGrad = true;
    const losses: number[] = [];
    for (let step = 0; step < 60; step++) {
      const loss = supCon(x.matmul(w), labelTensor(), 0.5);
      w.zeroGrad();
      loss.backward();
      const gradient = w.grad as Tensor;
      w.detach().sub_(gradient.mul(0.2));
      losses.push(await loss.item());
    }
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) - 0.1);
  });
});
