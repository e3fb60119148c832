import type { IdxArray } from '../../lib/data/idx.ts';

/** An array as an IDX file holds it, not compressed. */
export function encodeIdx({ shape, data }: IdxArray): Uint8Array {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head.set([0, 0, 8, shape.length]);
  for (const [d, size] of shape.entries()) head.writeUInt32BE(size, 4 + 4 * d);
  return Buffer.concat([head, data]);
}
