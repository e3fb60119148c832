/** How many dimensions features use. */
import { DataError, DTypeError, ShapeError } from '../errors.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { Tensor } from '../tensor/tensor.ts';
import { describe } from '../validate.ts';

const epsilon = 1e-7;

/**
 * The effective rank of features: the exponential of the entropy of their singular values. Between 1, where all rows lie on a
 * line, and min(rows, dim). Of encoders that were trained alike but for their options, those of a higher rank mostly are the
 * better ones for a linear probe; that is all it says, and it needs no labels.
 *
 *     RankMe(Z) = exp( −Σ_k p_k log p_k ),   p_k = σ_k(Z) / Σ_j σ_j(Z) + 10⁻⁷,   k from 1 to min(rows, dim)
 *
 * Source: Garrido et al. 2023, arXiv:2210.02885, eq. 1 and 2. Computed from the smaller Gram matrix in float64, in which
 * singular values below 10⁻⁸ of the largest are lost.
 *
 * @param features floating (rows, dim), as they are: neither centred nor normalised. More rows than dimensions, or the rows
 * bound the rank.
 * @throws {DTypeError} no tensor. @throws {ShapeError} not 2-D, or empty. @throws {DataError} NaN or infinity.
 */
export async function rankMe(features: Tensor): Promise<number> {
  if (!(features instanceof Tensor)) throw new DTypeError(`features must be a Tensor, got ${describe(features)}`);
  const { shape } = features;
  if (shape.length !== 2 || shape.includes(0))
    throw new ShapeError(`features must have shape (rows, dim) and hold at least one value, got [${shape}]`);
  using rank = tidy(() =>
    noGrad(() => {
      const z = features.to('float64');
      const [rows, dim] = shape as [number, number];
      const gram = rows < dim ? z.matmul(z.t()) : z.t().matmul(z);
      const singular = ops.eigvalsh(gram).clamp(0).sqrt();
      const p = singular.div(singular.sum()).add(epsilon);
      return p.mul(p.log()).sum().neg().exp();
    }),
  );
  const value = await rank.item();
  if (Number.isNaN(value)) throw new DataError('features must be finite and not all zero, got a rank that is NaN');
  return value;
}
