/** Classes and rows as whole numbers of any type: what is counted with is int64 in libtorch, float32 where nobody says otherwise here. */
import { describe, expect, test } from 'vitest';
import { compile } from '../../lib/tensor/compile.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';

const logits = tensor([
  [2, -1, 0.5, 1],
  [0, 3, 1, -2],
  [1, 1, 0, 4],
]);
const logProbabilities = logits.logSoftmax(1);
const numbers = [3, 1, 0];

const operations: Readonly<Record<string, (of: Tensor) => Tensor>> = {
  crossEntropyLoss: (of) => ops.crossEntropyLoss(logits, of),
  nllLoss: (of) => ops.nllLoss(logProbabilities, of),
  oneHot: (of) => ops.oneHot(of, 4),
  indexSelect: (of) => logits.indexSelect(1, of),
  gather: (of) => logits.gather(1, of.reshape([3, 1])),
  scatter: (of) => logits.scatter(1, of.reshape([3, 1]), logits),
  scatterAdd: (of) => logits.scatterAdd(1, of.reshape([3, 1]), logits),
  embedding: (of) => ops.embedding(logits.transpose(0, 1), of),
};

describe.each(Object.entries(operations))('%s', (name, operation) => {
  test('takes int32 as int64, floats not', async () => {
    const expected = await operation(tensor(numbers, { dtype: 'int64' })).data();
    expect(await operation(tensor(Int32Array.from(numbers))).data()).toEqual(expected);
    expect(() => operation(tensor(numbers))).toThrow(
      expect.objectContaining({
        code: 'ERR_DTYPE',
        message: expect.stringMatching(/must be whole numbers, got float32; .*dtype: 'int64'/),
      }),
    );
  });

  test.runIf(['crossEntropyLoss', 'nllLoss', 'oneHot'].includes(name))(
    'leaves no converted classes behind',
    async () => {
      const classes = tensor(Int32Array.from(numbers));
      await collect();
      const before = memory().tensors;
      const made = operation(classes);
      expect(memory().tensors).toBe(before + 1);
      await made.data();
      const recorded = compile(operation);
      for (let i = 0; i < 2; i++) expect(await recorded(classes).data()).toEqual(await made.data());
      recorded.dispose();
    },
  );
});

test('classes of the cross entropy may be shares, of floats; and what is not known before the data are there', async () => {
  const shares = ops.oneHot(tensor(Int32Array.from(numbers)), 4).to('float32');
  const expected = await operations.crossEntropyLoss?.(tensor(numbers, { dtype: 'int64' })).item();
  expect(await ops.crossEntropyLoss(logits, shares).item()).toBeCloseTo(expected as number, 6);
  const all = tensor([true, true, true]);
  const unknown = ops.maskedSelect(tensor(numbers, { dtype: 'int64' }), all);
  expect(await ops.crossEntropyLoss(logits, unknown).item()).toBe(expected);
  const unknownLogits = ops.maskedSelect(logits, logits.isfinite()).reshape([-1, 4]);
  expect(await ops.crossEntropyLoss(unknownLogits, tensor(Int32Array.from(numbers))).item()).toBe(expected);
  expect(await ops.crossEntropyLoss(unknownLogits, shares).item()).toBeCloseTo(expected as number, 6);
});
