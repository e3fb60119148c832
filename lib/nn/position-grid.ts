/** Positions of patches in an image, learned or fixed, for images of other sizes. */
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * The positions of another grid of patches: interpolated bicubically, between the middles of patches (as DINO and timm do;
 * torchvision aligns the corners). Those of the grid itself as they are.
 * @param positions (1, 1 + side², width), the class token's first, which stays.
 */
export function positionsAt(positions: Tensor, rows: number, columns: number): Tensor {
  const patches = (positions.shape[1] as number) - 1;
  const side = Math.round(Math.sqrt(patches));
  if (rows === side && columns === side) return positions;
  const grid = positions.narrow(1, 1, patches).transpose(1, 2).unflatten(2, [side, side]); // (1, width, side, side)
  const resized = ops
    .upsampleBicubic2d(grid, { outputSize: [rows, columns], alignCorners: false })
    .flatten(2)
    .transpose(1, 2);
  return ops.cat([positions.narrow(1, 0, 1), resized], 1);
}
