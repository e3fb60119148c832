/** Whether a training may go on with a run: only as the same run. */
import type { RunFolder } from '../checkpoint/run.ts';
import { decidingFields, type RunConfig } from '../checkpoint/run-config.ts';
import { CheckpointError } from '../errors.ts';
import { learningRateAt } from '../optim/schedule.ts';
import { differenceOf } from './dataset-mark.ts';
import { type ResolvedOptions, samplesOfStep } from './options.ts';

/** Where the weights began does not matter, as they come from the checkpoint; nor where a file of code lies, which may move. */
const ofNoEffect = ['seed', 'file'];

/** The first place at which plain data differ, in words; undefined where they do not. */
function changeOf(path: string, there: unknown, here: unknown): string | undefined {
  if (JSON.stringify(there) === JSON.stringify(here)) return undefined;
  const [before, now] = [there, here].map((value) => (typeof value === 'object' ? value : null));
  if (!before || !now) {
    const [was, is] = [there, here].map((value) => JSON.stringify(value) ?? 'absent');
    return `${path} was ${was}, and is now ${is}`;
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    if (ofNoEffect.includes(key)) continue;
    const [inner, other] = [before, now].map((value) => (value as Record<string, unknown>)[key]);
    const change = changeOf(Array.isArray(before) ? `${path}[${key}]` : `${path}.${key}`, inner, other);
    if (change !== undefined) return change;
  }
  return undefined;
}

/** @throws {CheckpointError} naming what is different. */
export function refuseOtherRun(run: RunFolder, config: RunConfig): void {
  for (const key of decidingFields) {
    const change = changeOf(key, run.config[key], config[key]);
    if (change !== undefined) throw new CheckpointError(`${run.path}: cannot resume: ${change}`);
  }
  const difference = run.config.dataset && config.dataset && differenceOf(run.config.dataset, config.dataset);
  if (difference !== undefined) throw new CheckpointError(`${run.path}: cannot resume: ${difference}`);
}

/**
 * Of a schedule over another number of epochs: the rate that it gives the step behind `step`, where the run goes on, beside
 * that of the schedule before. Nothing where they are within 5 %.
 */
export function scheduleWarning(
  { schedule, optimizer, batchSize, accumulate, epochs }: ResolvedOptions,
  before: { readonly epochs: number; readonly step: number; readonly stepsPerEpoch: number },
): string | undefined {
  const { step, stepsPerEpoch } = before;
  const rateOver = (over: number): number =>
    learningRateAt(schedule, {
      baseLearningRate: optimizer.lr,
      step,
      totalSteps: over * stepsPerEpoch,
      stepsPerEpoch,
      batchSize: samplesOfStep({ batchSize, accumulate }),
    });
  const [planned, now] = [rateOver(before.epochs), rateOver(epochs)];
  if (Math.abs(now - planned) <= 0.05 * Math.max(now, planned)) return undefined;
  const rate = (value: number): string => String(Number(value.toPrecision(3)));
  return `epochs was ${before.epochs}, and is now ${epochs}: the schedule goes over all steps, and gives step ${step + 1} a learning rate of ${rate(now)} in place of ${rate(planned)}`;
}
