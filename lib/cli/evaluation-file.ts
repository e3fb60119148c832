/** evaluation.json: what a report measured of a run's encoder, beside its checkpoints, so that each number of the page is in a file. */
import { join } from 'node:path';
import type { RunConfig } from '../checkpoint/run-config.ts';
import { CheckpointError, messageOf } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import type { Judged } from './report/report-data.ts';

export interface RunEvaluation {
  /** Of the checkpoint. */
  readonly step: number;
  /** Where the images came from. */
  readonly data: RunConfig['data'];
  readonly trainImages: number;
  readonly testImages: number;
  /** Of the votes of kNN. */
  readonly k: number;
  readonly temperature: number;
  readonly classes: readonly string[];
  /** Class of each test image. */
  readonly labels: readonly number[];
  readonly chanceTop1: number;
  readonly trained: Judged;
  /** The same network with random weights, where it was measured. */
  readonly untrained?: Judged;
}

const fileIn = (run: string): string => join(run, 'evaluation.json');

/** @returns the file's path. @throws {CheckpointError} it cannot be written. */
export async function writeEvaluation(run: string, evaluation: RunEvaluation): Promise<string> {
  const file = fileIn(run);
  try {
    await writeFileAtomic(file, `${JSON.stringify({ format: 1, ...evaluation })}\n`);
    return file;
  } catch (error) {
    throw new CheckpointError(`${file}: cannot be written: ${messageOf(error)}`, { cause: error });
  }
}
