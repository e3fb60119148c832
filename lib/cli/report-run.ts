/** What `report` reads of a run, and what it measures of its encoder. */
import { basename, dirname, resolve } from 'node:path';
import { presets } from '../augment/presets.ts';
import type { Checkpoint } from '../checkpoint/checkpoint-files.ts';
import { encoderOf, isMadeByName } from '../checkpoint/encoder.ts';
import { openCheckpoint, RunFolder } from '../checkpoint/run.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import type { Encoder } from '../encoders/registry.ts';
import { newEncoder } from './encoder-option.ts';
import { extractSplits, type LabelledSplits } from './evaluate-run.ts';
import type { RunEvaluation } from './evaluation-file.ts';
import { type ExaminedEncoder, examine, voting } from './examine.ts';
import { presetInput } from './fine-tune-run.ts';
import type { Output } from './output.ts';
import type { Judged } from './report/report-data.ts';
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
  const folder = resolve(path);
  const isCheckpoint = basename(dirname(folder)) === 'checkpoints';
  const loading = { optimizer: false, onWarning: (text: string) => output.warn(text) };
  if (isCheckpoint) {
    const { run, checkpoint } = await openCheckpoint(folder, loading);
    return { record: await readRun(run.path), checkpoint };
  }
  const run = await RunFolder.open(folder);
  const which = (await run.best()) === undefined ? 'latest' : 'best';
  return { record: await readRun(folder), checkpoint: await run.loadCheckpoint(which, loading) };
}

export interface Measuring {
  readonly splits: LabelledSplits;
  readonly device: string;
  readonly output: Output;
  readonly signal: AbortSignal;
}

async function measure(
  title: string,
  module: Encoder,
  { input }: RunConfig,
  { splits, output, signal }: Measuring,
): Promise<ExaminedEncoder> {
  using encoder = module;
  using features = await extractSplits(encoder, splits, {
    augment: presets.evaluation(presetInput(input)),
    signal,
    onProgress: (done, total) => output.progress.update(() => `${title}: features of ${done}/${total} images`),
  });
  output.progress.update(`${title}: kNN and linear probe`);
  return await examine(title, features, signal);
}

export const measureRun = (title: string, { record, checkpoint }: ReportedRun, measuring: Measuring) =>
  measure(title, encoderOf(record.config, checkpoint, measuring.device), record.config, measuring);

/** The same network with random weights; undefined where only a file's code could make it. */
export async function measureUntrained(
  { record: { config } }: ReportedRun,
  measuring: Measuring,
): Promise<ExaminedEncoder | undefined> {
  if (!isMadeByName(config.encoder)) return undefined;
  const encoder = await newEncoder(config.encoder, config.input, config.seed);
  return measure('Untrained', encoder.to(measuring.device), config, measuring);
}

const judgedOf = ({ knnTop1, linearTop1, predictions, confidences }: Judged): Judged => ({
  ...{ knnTop1, linearTop1, predictions, confidences: confidences.map((value) => Number(value.toFixed(6))) },
});

/** What evaluation.json keeps. */
export function evaluationRecord(
  { record, checkpoint }: ReportedRun,
  splits: LabelledSplits,
  trained: ExaminedEncoder,
  untrained: ExaminedEncoder | undefined,
): RunEvaluation {
  return {
    step: checkpoint.state.step,
    data: record.config.data,
    trainImages: splits.train.length,
    testImages: splits.test.length,
    ...voting,
    classes: splits.train.classes ?? [],
    labels: trained.labels,
    chanceTop1: trained.chanceTop1,
    trained: judgedOf(trained),
    ...(untrained && { untrained: judgedOf(untrained) }),
  };
}
