/** The filling of test/fixtures/make_encoders.py. */
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** A 32-bit integer hash of the running index, as numbers in [-1, 1). */
export function uniform(salt: number, shape: readonly number[], scale = 1, offset = 0): Float32Array {
  const start = Math.imul(salt, 2654435761);
  const values = new Float32Array(product(shape));
  for (let i = 0; i < values.length; i++) {
    let h = (i + start) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x45d9f3b);
    h = Math.imul(h ^ (h >>> 16), 0x45d9f3b);
    h ^= h >>> 16;
    values[i] = offset + scale * ((h >>> 0) / 2 ** 31 - 1);
  }
  return values;
}

function filled(name: string, salt: number, shape: readonly number[]): Tensor {
  if (name.endsWith('num_batches_tracked')) return tensor(BigInt64Array.of(3n), { shape });
  if (name.endsWith('running_var')) return tensor(uniform(salt, shape, 0.5, 1), { shape });
  if (shape.length === 4 || shape.length === 2)
    return tensor(uniform(salt, shape, Math.sqrt(3 / product(shape.slice(1)))), { shape });
  return tensor(name.endsWith('weight') ? uniform(salt, shape, 0.2, 1) : uniform(salt, shape, 0.1), { shape });
}

/** A state dict of these names and shapes. */
export function filledState(shapes: Readonly<Record<string, readonly number[]>>): Map<string, Tensor> {
  return new Map(Object.entries(shapes).map(([name, shape], i) => [name, filled(name, i + 1, shape)]));
}

export const images = (size: number): Tensor => tensor(uniform(0, [4, 3, size, size]), { shape: [4, 3, size, size] });
