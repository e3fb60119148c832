/** Where a patch lies in its image, as vectors that are added to the tokens of a vision transformer. */
import { type Tensor, tensor } from '../tensor/tensor.ts';

/**
 * Fixed positions of side × side patches: (1, 1 + side², width), 0 for the class token. A quarter of the width each holds the
 * sine and the cosine of the row, then of the column, at the frequencies 10000^(−i / (width / 4)).
 * Source: Chen et al. 2021, arXiv:2104.02057, section 4.1, in the order of its published code.
 * @param width a multiple of 4.
 */
export function sinCosPositions(side: number, width: number): Tensor {
  const quarter = width / 4;
  const values = new Float32Array((1 + side ** 2) * width);
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++)
      for (let i = 0; i < quarter; i++) {
        const frequency = 10000 ** (-i / quarter);
        const at = (1 + row * side + column) * width + i;
        for (const [j, angle] of [row * frequency, column * frequency].entries()) {
          values[at + 2 * j * quarter] = Math.sin(angle);
          values[at + (2 * j + 1) * quarter] = Math.cos(angle);
        }
      }
  return tensor(values, { shape: [1, 1 + side ** 2, width] });
}
