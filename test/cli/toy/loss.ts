import { defineLoss } from '../../../lib/losses/all.ts';
import * as ops from '../../../lib/tensor/ops.ts';
import type { Tensor } from '../../../lib/tensor/tensor.ts';

/** The two views of a sample attract each other until their cosine is above the margin. */
export const toyMargin = defineLoss({
  name: 'toy-margin',
  options: {
    /** The cosine from which on views are near enough; default 0.5. */
    margin: { type: 'ramp', default: 0.5, max: 1, value: 'COSINE', help: 'cosine that is near enough' },
    /** Default false. */
    squared: { type: 'boolean', default: false, help: 'squares what is missing' },
  },
  loss: (features, { margin, squared }) => {
    const [first, second] = features.unbind(1) as [Tensor, Tensor]; // (batch, dim) each
    const missing = ops.cosineSimilarity(first, second, 1).neg().add(margin).relu();
    return (squared ? missing.square() : missing).mean();
  },
});
