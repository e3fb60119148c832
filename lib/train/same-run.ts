/** Whether a training may go on with a run: only as the same run. */
import type { RunFolder } from '../checkpoint/run.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import { CheckpointError } from '../errors.ts';
import { learningRateAt } from '../optim/schedule.ts';
import { differenceOf } from './dataset-mark.ts';
import type { ResolvedOptions } from './options.ts';

/** The initial weights' seed does not matter: they come from the checkpoint. */
const withoutSeed = (value: unknown): string =>
  JSON.stringify(value, (key, inner: unknown) => (key === 'seed' ? undefined : inner));

/** What decides the weights. The number of epochs may be another. */
const kept = [
  ...['encoder', 'head', 'loss', 'augment', 'input', 'optimizer', 'schedule', 'batchSize', 'microBatch'],
  ...['momentumEncoder', 'seed', 'precision'],
] as readonly (keyof RunConfig)[];

/** @throws {CheckpointError} naming what is different. */
export function refuseOtherRun(run: RunFolder, config: RunConfig): void {
  for (const key of kept) {
    const [there, here] = [withoutSeed(run.config[key]), withoutSeed(config[key])];
    if (there !== here)
      throw new CheckpointError(`${run.path}: cannot resume: ${key} was ${there}, and is now ${here}`);
  }
  const difference = run.config.dataset && config.dataset && differenceOf(run.config.dataset, config.dataset);
  if (difference !== undefined) throw new CheckpointError(`${run.path}: cannot resume: ${difference}`);
}

/** Of a schedule over another number of epochs: what it does to the rate at `step`, where the run goes on. */
export function scheduleWarning(
  { schedule, optimizer, batchSize, epochs }: ResolvedOptions,
  before: { readonly epochs: number; readonly step: number; readonly stepsPerEpoch: number },
): string | undefined {
  const { step, stepsPerEpoch } = before;
  const rateAt = (at: number, of: number): number =>
    learningRateAt(schedule, {
      baseLearningRate: optimizer.lr,
      step: at,
      totalSteps: of * stepsPerEpoch,
      stepsPerEpoch,
      batchSize,
    });
  const [last, next] = [rateAt(step - 1, before.epochs), rateAt(step, epochs)];
  if (Math.abs(next - last) <= 0.05 * Math.max(next, last)) return undefined;
  const rate = (value: number): string => String(Number(value.toPrecision(3)));
  return `the run was for ${before.epochs} epochs and is for ${epochs} now: its schedule goes over all steps, and so the learning rate, which was ${rate(last)} at step ${step}, goes on at ${rate(next)}`;
}
