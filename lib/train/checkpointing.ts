/** A training run on disk: its config, its metrics, its checkpoints, and going on from one. */
import type { Augmentation } from '../augment/augment.ts';
import { type Checkpoint, type CheckpointState, RunFolder } from '../checkpoint/run.ts';
import type { JsonObject, RunConfig } from '../checkpoint/run-config.ts';
import { rawState, tensorState } from '../checkpoint/tensors.ts';
import type { Dataset } from '../data/dataset.ts';
import { CheckpointError, messageOf } from '../errors.ts';
import { Module } from '../models/module.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { noGrad } from '../tensor/modes.ts';
import type { Precision, PrecisionChoice } from '../tensor/precision.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { EpochEvent, StepEvent } from './events.ts';
import type { FitOptions } from './fit-options.ts';
import type { MomentumEncoder } from './momentum-encoder.ts';
import type { CheckedOptions, ResolvedOptions } from './options.ts';

const json = (value: unknown): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject;

/** What the pipeline makes: the encoder's input. */
async function inputOf(augmentation: Augmentation, dataset: Dataset): Promise<RunConfig['input']> {
  const sample = await dataset.get(0);
  const { height, width, channels } = augmentation.outputShape(sample);
  if (height !== width)
    throw new CheckpointError(`a run needs square views, got ${height} x ${width}; train without out to keep others`);
  const last = augmentation.transforms.findLast((transform) => transform.kind === 'normalize');
  const spread = (value: number | readonly number[] | undefined, fallback: number): number[] => {
    if (typeof value === 'object') return value.length === channels ? [...value] : new Array(channels).fill(value[0]);
    return new Array(channels).fill(value ?? fallback);
  };
  return { size: height, channels, mean: spread(last?.mean, 0), std: spread(last?.std, 1) };
}

async function configOf({ options, choice }: Trained, dataset: Dataset, fit: FitOptions): Promise<RunConfig> {
  const { encoder, head, loss, augment, optimizer, schedule, batchSize, microBatch, epochs, seed } = options;
  const { momentumEncoder } = options;
  const first = augment[0] as Augmentation;
  return {
    format: 1,
    encoder: json(encoder.config) as unknown as RunConfig['encoder'],
    head: head === null ? null : head instanceof Module ? json(head.config) : { name: 'custom' },
    loss: typeof loss === 'function' ? { name: 'custom' } : json(loss),
    augment: augment.map((view) => json(view)),
    input: await inputOf(first, dataset),
    optimizer: json(optimizer),
    schedule: json(schedule),
    batchSize,
    ...(microBatch < batchSize && { microBatch }),
    ...(momentumEncoder && { momentumEncoder: json(momentumEncoder) }),
    epochs,
    seed,
    precision: choice.precision,
    ...(choice.speeds && { precisionSpeeds: { ...choice.speeds } }),
    ...(typeof loss === 'object' &&
      loss.name === 'cross-entropy' &&
      dataset.classes && { classes: [...dataset.classes] }),
    data: fit.data ?? { name: dataset.name, path: null, limit: null },
  };
}

/** What a checkpoint holds. */
interface Trained {
  readonly options: ResolvedOptions;
  readonly choice: PrecisionChoice;
  readonly optimizer: Optimizer;
  readonly momentum: MomentumEncoder | undefined;
}

/** With 'auto', the precision of the run that `fit` goes on with: it is chosen once. Undefined where nothing is to be kept. */
export async function precisionOfRun({ precision }: CheckedOptions, fit: FitOptions): Promise<Precision | undefined> {
  if (precision !== 'auto' || !fit.resume || fit.out === undefined) return undefined;
  const { config } = await RunFolder.open(fit.out);
  return config.precision;
}

export class RunWriter {
  readonly startStep: number;
  readonly #run: RunFolder;
  readonly #trained: Trained;

  private constructor(run: RunFolder, trained: Trained, startStep: number) {
    this.#run = run;
    this.#trained = trained;
    this.startStep = startStep;
  }

  /** Begins a run in `fit.out`, or loads the newest good checkpoint there into the modules; undefined without `out`. */
  static async open(trained: Trained, dataset: Dataset, fit: FitOptions): Promise<RunWriter | undefined> {
    if (fit.out === undefined) return undefined;
    const config = await configOf(trained, dataset, fit);
    if (!fit.resume) return new RunWriter(await RunFolder.create(fit.out, config), trained, 0);
    const run = await RunFolder.open(fit.out);
    refuseOtherRun(run, config);
    const checkpoint = await run.loadCheckpoint('latest');
    try {
      await loadCheckpoint(checkpoint, trained);
    } catch (error) {
      throw new CheckpointError(`${checkpoint.folder}: ${messageOf(error)}`, { cause: error });
    }
    await run.metrics.dropAfter(checkpoint.state.step);
    return new RunWriter(run, trained, checkpoint.state.step);
  }

  step(event: StepEvent): Promise<void> {
    return this.#run.metrics.append(json(event));
  }

  epoch(event: EpochEvent): Promise<void> {
    return this.#run.metrics.append(json(event));
  }

  /** Writes the weights as they are now. `epoch` is the one that the next step belongs to. */
  async checkpoint(step: number, epoch: number): Promise<string> {
    const { options, optimizer: trainedBy, momentum } = this.#trained;
    const model = new Map();
    for (const [prefix, module] of modulesOf(options))
      for (const [name, raw] of await rawState(stateOf(module), `${prefix}.`)) model.set(name, raw);
    const optimizer = await rawState(trainedBy.stateDict());
    const state: CheckpointState = { step, epoch, seed: options.seed };
    return this.#run.saveCheckpoint({
      model,
      ...(optimizer.size > 0 && { optimizer }),
      ...(momentum && { momentumEncoder: await rawState(momentum.stateDict()) }),
      state,
    });
  }
}

async function loadCheckpoint(checkpoint: Checkpoint, { options, optimizer, momentum }: Trained): Promise<void> {
  for (const [prefix, module] of modulesOf(options)) loadState(module, tensorState(checkpoint.model, `${prefix}.`));
  if (checkpoint.optimizer) optimizer.loadStateDict(tensorState(checkpoint.optimizer));
  if (momentum) await momentum.loadStateDict(tensorState(checkpoint.momentumEncoder ?? new Map()));
}

type Part = NonNullable<ResolvedOptions['head']>;

function modulesOf({ encoder, head }: ResolvedOptions): [string, Part][] {
  return head === null
    ? [['encoder', encoder]]
    : [
        ['encoder', encoder],
        ['head', head],
      ];
}

const stateOf = (module: Part): ReadonlyMap<string, Tensor> =>
  module instanceof Module ? module.stateDict() : module.namedParameters();

function loadState(module: Part, state: ReadonlyMap<string, Tensor>): void {
  if (module instanceof Module) {
    module.loadStateDict(state);
    return;
  }
  for (const [name, parameter] of module.namedParameters()) {
    const value = state.get(name);
    if (value === undefined) throw new CheckpointError(`head.${name} is missing`);
    noGrad(() => parameter.copy_(value));
  }
}

/** The initial weights' seed does not matter: they come from the checkpoint. */
const withoutSeed = (value: unknown): string =>
  JSON.stringify(value, (key, inner: unknown) => (key === 'seed' ? undefined : inner));

/** A resumed run must be the same run: what decides its weights may not differ. The number of epochs may. */
function refuseOtherRun(run: RunFolder, config: RunConfig): void {
  for (const key of [
    'encoder',
    'head',
    'loss',
    'augment',
    'optimizer',
    'batchSize',
    'microBatch',
    'momentumEncoder',
    'seed',
    'precision',
  ] as const) {
    const [there, here] = [withoutSeed(run.config[key]), withoutSeed(config[key])];
    if (there !== here)
      throw new CheckpointError(`${run.path}: cannot resume: ${key} was ${there}, and is now ${here}`);
  }
}
