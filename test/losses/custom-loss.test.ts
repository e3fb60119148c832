import { expect, test } from 'vitest';
import { ntXentLoss } from '../../lib/losses/nt-xent.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { formulaFeatures, gradientOf } from './oracle.ts';

/** NT-Xent of two views from tensor operations: what a user would write. */
function written(features: Tensor, temperature: number): Tensor {
  const [batch, views, dim] = features.shape as [number, number, number];
  const rows = ops.reshape(ops.transpose(features, 0, 1), [views * batch, dim]);
  const z = ops.div(rows, ops.norm(rows, 2, 1, true));
  const similarities = ops.div(ops.mm(z, ops.t(z)), temperature);
  const self = ops.eye(views * batch, { dtype: 'bool' });
  const denominators = ops.logsumexp(ops.maskedFill(similarities, self, -Infinity), 1);
  const others = Array.from({ length: views * batch }, (_, i) => [(i + batch) % (views * batch)]);
  const positives = ops.gather(similarities, 1, tensor(others, { dtype: 'int64' }));
  return ops.mean(ops.sub(denominators, ops.squeeze(positives, 1)));
}

test('a loss written in TypeScript has the value and the gradient of the native one', () => {
  const leaf = () => tensor(formulaFeatures(9, 2, 5), { dtype: 'float64', requiresGrad: true });
  const [a, b] = [leaf(), leaf()];
  const [custom, native] = [written(a, 0.2), ntXentLoss(b, { temperature: 0.2 })];
  expect(custom.itemSync()).toBeCloseTo(native.itemSync(), 12);
  custom.backward();
  native.backward();
  const expected = gradientOf(b);
  gradientOf(a).forEach((g, i) => {
    expect(g).toBeCloseTo(expected[i] as number, 12);
  });
});
