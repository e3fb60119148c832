/** A run as its files tell it, without its weights: what the commands list, compare and report. */
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { BestCheckpoint } from '../checkpoint/best-checkpoint.ts';
import { RunFolder } from '../checkpoint/run.ts';
import type { JsonObject, RunConfig } from '../checkpoint/run-config.ts';
import { isRunLocked } from '../checkpoint/run-lock.ts';
import { dataText } from './data-option.ts';
import { counted } from './format.ts';
import { type KnnHistory, knnHistory } from './knn-history.ts';

export interface RunRecord {
  /** Of its folder. */
  readonly name: string;
  readonly path: string;
  readonly config: RunConfig;
  readonly records: readonly JsonObject[];
  /** Undefined where no epoch's kNN accuracy was measured. */
  readonly knn: KnnHistory | undefined;
  readonly best: BestCheckpoint | undefined;
  /** Steps and epochs that were trained. */
  readonly step: number;
  readonly epochs: number;
  /** Mean loss of the last epoch; undefined before one has ended. */
  readonly loss: number | undefined;
  readonly state: 'training' | 'finished' | 'stopped';
  /** When its newest file of figures was written. */
  readonly date: Date;
}

/** @throws {CheckpointError} no run there, or one of its files is damaged. */
export async function readRun(path: string): Promise<RunRecord> {
  const run = await RunFolder.open(path);
  const { config } = run;
  const records = await run.metrics.read();
  const ended = records.filter(({ kind }) => kind === 'epoch');
  const { loss } = ended.at(-1) ?? {};
  const isFinished = ended.length >= config.epochs && (await run.steps()).length > 0;
  const stats = await stat(run.metrics.path).catch(() => stat(join(run.path, 'config.json')));
  return {
    name: basename(run.path),
    path: run.path,
    config,
    records,
    knn: knnHistory(records),
    best: await run.best(),
    step: records.reduce((most, { kind, step }) => (kind === 'step' ? Math.max(most, Number(step)) : most), 0),
    epochs: ended.length,
    loss: typeof loss === 'number' ? loss : undefined,
    state: (await isRunLocked(run.path)) ? 'training' : isFinished ? 'finished' : 'stopped',
    date: stats.mtime,
  };
}

/** "resnet18 of width 16" */
export function encoderText({ encoder: { name, width } }: RunConfig): string {
  return width === undefined ? name : `${name} of width ${width}`;
}

/** "fashion-mnist:bundled, 2000 images" */
export function dataTextOf({ data, dataset }: RunConfig): string {
  const count = dataset?.length ?? data.limit;
  return count === null ? dataText(data) : `${dataText(data)}, ${counted(count, 'image')}`;
}
