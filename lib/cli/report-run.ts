/** What `report` opens of a run. */
import type { Checkpoint } from '../checkpoint/checkpoint-files.ts';
import { encoderOf, isMadeByName } from '../checkpoint/encoder.ts';
import { openRun } from '../checkpoint/run.ts';
import type { Encoder } from '../encoders/registry.ts';
import { newEncoder } from './encoder-option.ts';
import type { Output } from './output.ts';
import { type RunRecord, readRun } from './run-record.ts';

export interface ReportedRun {
  readonly record: RunRecord;
  readonly checkpoint: Checkpoint;
}

/**
 * A run's folder, with its best checkpoint if it has one and its newest otherwise, or one of its checkpoint folders.
 * @throws {CheckpointError} neither, or damaged.
 */
export async function openReported(path: string, output: Output): Promise<ReportedRun> {
  const { run, step } = await openRun(path);
  const which = step ?? ((await run.best()) === undefined ? 'latest' : 'best');
  const loading = { optimizer: false, onWarning: (text: string) => output.warn(text) };
  return { record: await readRun(run.path), checkpoint: await run.loadCheckpoint(which, loading) };
}

/** The encoder of the checkpoint, for the caller to dispose. */
export const encoderOfRun = ({ record, checkpoint }: ReportedRun, device: string): Encoder =>
  encoderOf(record.config, checkpoint, device);

/** The same network with random weights; undefined where only a file's code could make it. */
export async function untrainedOf({ record: { config } }: ReportedRun, device: string): Promise<Encoder | undefined> {
  if (!isMadeByName(config.encoder)) return undefined;
  return (await newEncoder(config.encoder, config.input, config.seed)).to(device);
}
