/** Whether what is to be saved is worth it. */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { types } from 'node:util';
import { type RawTensor, typedArrayOf } from '../files/safetensors.ts';

function isFiniteTensor(raw: RawTensor): boolean {
  const values = typedArrayOf(raw);
  if (!(types.isFloat32Array(values) || types.isFloat64Array(values))) return true;
  let sum = 0; // stays 0: 0 · x is NaN for NaN and the infinities alone
  for (let i = 0; i < values.length; i++) sum += 0 * (values[i] as number);
  return sum === 0;
}

/**
 * The name of a tensor, float32 or float64, that holds NaN or an infinity; undefined where all are finite.
 * @param except names of tensors that may.
 */
export async function findNonFinite(
  tensors: ReadonlyMap<string, RawTensor>,
  except: ReadonlySet<string> = new Set(),
): Promise<string | undefined> {
  for (const [name, raw] of tensors) {
    if (except.has(name)) continue;
    if (!isFiniteTensor(raw)) return name;
    if (raw.data.length > 1e6) await eventLoopTurn(); // a millisecond or more
  }
  return undefined;
}
