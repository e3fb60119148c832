/** Which model features are of, as a text: those of two models cannot be compared. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { weightsDigest } from '../checkpoint/checkpoint-files.ts';
import { DataError, messageOf } from '../errors.ts';
import type { EncoderOrigin } from './encoder-source.ts';

/** The SHA-256 of a file, in hexadecimal. @throws {DataError} it cannot be read. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return hash.digest('hex');
}

/**
 * Of the network, its weights and how images become its input: equal for equal ones.
 * @throws {CheckpointError | DataError} the checkpoint or the weights are gone.
 */
export async function modelMark({ encoder, input, checkpoint, weights }: EncoderOrigin): Promise<string> {
  const digest = checkpoint === undefined ? await fileDigest(weights?.file as string) : await weightsDigest(checkpoint);
  return createHash('sha256')
    .update(JSON.stringify([encoder, input, digest]))
    .digest('hex');
}
