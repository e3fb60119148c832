/** evaluation.json: what a report measured of a run's encoder, beside its checkpoints, so that each number of the page is in a file. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunConfig } from '../checkpoint/run-config.ts';
import { CheckpointError, messageOf } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import { isObject } from '../files/strict-json.ts';
import type { Judged } from './report/report-data.ts';

/** What is known of an encoder; images go by their index in the training or the test images. */
export interface KeptEncoder extends Judged {
  /** x and y of each image of the map, side by side. */
  readonly map: readonly number[];
  /** Nearest training images of the first test image of each class. */
  readonly neighbours: readonly (readonly number[])[];
  readonly mistakes: readonly { readonly test: number; readonly neighbours: readonly number[] }[];
}

export interface RunEvaluation {
  /** Of what it was measured, as `evaluationMark` has it. */
  readonly of: string;
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
  readonly trained: KeptEncoder;
  /** The same network with random weights, where it was measured. */
  readonly untrained?: KeptEncoder;
}

export const evaluationFile = (run: string): string => join(run, 'evaluation.json');

const isNumber = (value: unknown): boolean => typeof value === 'number';
const isRow = (value: unknown): boolean => Array.isArray(value) && value.every(isNumber);

function isKept(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { knnTop1, linearTop1, fineTuneTop1 = 0, predictions, confidences, map, neighbours, mistakes } = value;
  return (
    [knnTop1, linearTop1, fineTuneTop1].every(isNumber) &&
    [predictions, confidences, map].every(isRow) &&
    Array.isArray(neighbours) &&
    neighbours.every(isRow) &&
    Array.isArray(mistakes) &&
    mistakes.every((each) => isObject(each) && isNumber(each.test) && isRow(each.neighbours))
  );
}

/** What an earlier report measured of the same; undefined where there is nothing, or it cannot be read. */
export async function readEvaluation(run: string, of: string): Promise<RunEvaluation | undefined> {
  try {
    const read: unknown = JSON.parse(await readFile(evaluationFile(run), 'utf8'));
    const isOfThis = isObject(read) && read.of === of && isRow(read.labels) && isNumber(read.chanceTop1);
    if (!isOfThis || !isKept(read.trained) || !isKept(read.untrained ?? read.trained)) return undefined;
    return read as unknown as RunEvaluation;
  } catch {
    return undefined; // it is measured and written again
  }
}

/** @returns the file's path. @throws {CheckpointError} it cannot be written. */
export async function writeEvaluation(run: string, evaluation: RunEvaluation): Promise<string> {
  const file = evaluationFile(run);
  try {
    await writeFileAtomic(file, `${JSON.stringify({ format: 1, ...evaluation })}\n`);
    return file;
  } catch (error) {
    throw new CheckpointError(`${file}: cannot be written: ${messageOf(error)}`, { cause: error });
  }
}
