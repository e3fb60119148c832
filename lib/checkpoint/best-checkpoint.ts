/** best.json among a run's checkpoints: which of them is kept for what a monitor said of it. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import { readJson } from '../files/read.ts';
import { isObject } from '../files/strict-json.ts';

export interface BestCheckpoint {
  readonly step: number;
  /** Name of the figure: 'knnTop1'. */
  readonly figure: string;
  readonly value: number;
}

const fileIn = (checkpoints: string): string => join(checkpoints, 'best.json');

export const writeBest = (checkpoints: string, best: BestCheckpoint): Promise<void> =>
  writeFileAtomic(fileIn(checkpoints), `${JSON.stringify({ format: 1, ...best })}\n`);

/** Undefined without the file. @throws {CheckpointError} it is damaged. */
export async function readBest(checkpoints: string): Promise<BestCheckpoint | undefined> {
  const file = fileIn(checkpoints);
  if (!(await stat(file).catch(() => undefined))) return undefined;
  const value = await readJson(file);
  const { format, step, figure, value: reached } = isObject(value) ? value : {};
  if (format !== 1 || typeof step !== 'number' || typeof figure !== 'string' || typeof reached !== 'number')
    throw new CheckpointError(`${file}: expected { format: 1, step, figure, value }`);
  return { step, figure, value: reached };
}
