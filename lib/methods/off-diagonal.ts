/** How much the dimensions of vectors say the same, as methods without negatives measure it. */
import type { Tensor } from '../tensor/tensor.ts';

/** The sum of the squares off the diagonal of a matrix (n, n); scalar (). */
export function offDiagonalSquares(matrix: Tensor): Tensor {
  return matrix.square().sum().sub(matrix.diagonal().square().sum());
}
