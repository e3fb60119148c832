/** Of what a report's figures are, as a text, so that those of an unchanged run need not be measured again. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { weightsDigest } from '../checkpoint/checkpoint-files.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import type { Dataset } from '../data/dataset.ts';
import { DataError, messageOf } from '../errors.ts';
import type { LabelledSplits } from './evaluate-run.ts';
import type { ReportedRun } from './report-run.ts';

/** Files go by name, size and time of change, as in the index of a search. */
async function markOf({ name, length, source, origin, classes, labels, files = [] }: Dataset): Promise<unknown[]> {
  const stats = await Promise.all(
    files.map(async (file) => {
      const { size, mtimeMs } = await stat(file);
      return [file, size, mtimeMs];
    }),
  ).catch((error: unknown) => {
    throw new DataError(`${name}: ${messageOf(error)}`, { cause: error });
  });
  return [name, length, source, origin, classes, labels && Array.from(labels), stats];
}

export interface MarkedChoices {
  readonly data: RunConfig['data'];
  /** Shorter side that images were decoded to, in pixels. */
  readonly side: number;
  /** Of the maps. */
  readonly seed: number;
}

/**
 * Equal for equal weights, images and choices.
 * @throws {CheckpointError} the checkpoint is gone. @throws {DataError} an image is.
 */
export async function evaluationMark(
  { record: { config }, checkpoint }: ReportedRun,
  { train, test }: LabelledSplits,
  { data, side, seed }: MarkedChoices,
): Promise<string> {
  const { encoder, input, classes, seed: start } = config;
  const weights = await weightsDigest(checkpoint.folder);
  const images = [await markOf(train), await markOf(test)];
  return createHash('sha256')
    .update(JSON.stringify([weights, encoder, input, classes, start, data, side, seed, images]))
    .digest('hex');
}
