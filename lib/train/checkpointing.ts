/** A training run on disk: its config, its metrics, its checkpoints, and going on from one. */
import type { Augmentation } from '../augment/augment.ts';
import { type CheckpointState, RunFolder } from '../checkpoint/run.ts';
import type { JsonObject, RunConfig } from '../checkpoint/run-config.ts';
import { rawState, tensorState } from '../checkpoint/tensors.ts';
import type { Dataset } from '../data/dataset.ts';
import { CheckpointError, messageOf } from '../errors.ts';
import { Module } from '../models/module.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { noGrad } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { EpochEvent, StepEvent } from './events.ts';
import type { FitOptions } from './fit-options.ts';
import type { ResolvedOptions } from './options.ts';

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

async function configOf(options: ResolvedOptions, dataset: Dataset, fit: FitOptions): Promise<RunConfig> {
  const { encoder, head, loss, augment, optimizer, schedule, batchSize, microBatch, epochs, seed, precision } = options;
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
    epochs,
    seed,
    precision,
    data: fit.data ?? { name: dataset.name, path: null, limit: null },
  };
}

export class RunWriter {
  readonly startStep: number;
  readonly #run: RunFolder;
  readonly #options: ResolvedOptions;
  readonly #optimizer: Optimizer;

  private constructor(run: RunFolder, options: ResolvedOptions, optimizer: Optimizer, startStep: number) {
    this.#run = run;
    this.#options = options;
    this.#optimizer = optimizer;
    this.startStep = startStep;
  }

  /** Begins a run in `fit.out`, or loads the newest good checkpoint there into the modules; undefined without `out`. */
  static async open(
    options: ResolvedOptions,
    dataset: Dataset,
    optimizer: Optimizer,
    fit: FitOptions,
  ): Promise<RunWriter | undefined> {
    if (fit.out === undefined) return undefined;
    const config = await configOf(options, dataset, fit);
    if (!fit.resume) return new RunWriter(await RunFolder.create(fit.out, config), options, optimizer, 0);
    const run = await RunFolder.open(fit.out);
    refuseOtherRun(run, config);
    const checkpoint = await run.loadCheckpoint('latest');
    try {
      for (const [prefix, module] of modulesOf(options)) loadState(module, tensorState(checkpoint.model, `${prefix}.`));
      if (checkpoint.optimizer) optimizer.loadStateDict(tensorState(checkpoint.optimizer));
    } catch (error) {
      throw new CheckpointError(`${checkpoint.folder}: ${messageOf(error)}`, { cause: error });
    }
    await run.metrics.dropAfter(checkpoint.state.step);
    return new RunWriter(run, options, optimizer, checkpoint.state.step);
  }

  step(event: StepEvent): Promise<void> {
    return this.#run.metrics.append(json(event));
  }

  epoch(event: EpochEvent): Promise<void> {
    return this.#run.metrics.append(json(event));
  }

  /** Writes the weights as they are now. `epoch` is the one that the next step belongs to. */
  async checkpoint(step: number, epoch: number): Promise<string> {
    const model = new Map();
    for (const [prefix, module] of modulesOf(this.#options))
      for (const [name, raw] of await rawState(stateOf(module), `${prefix}.`)) model.set(name, raw);
    const optimizer = await rawState(this.#optimizer.stateDict());
    const state: CheckpointState = { step, epoch, seed: this.#options.seed };
    return this.#run.saveCheckpoint({ model, ...(optimizer.size > 0 && { optimizer }), state });
  }
}

type Trained = NonNullable<ResolvedOptions['head']>;

function modulesOf({ encoder, head }: ResolvedOptions): [string, Trained][] {
  return head === null
    ? [['encoder', encoder]]
    : [
        ['encoder', encoder],
        ['head', head],
      ];
}

const stateOf = (module: Trained): ReadonlyMap<string, Tensor> =>
  module instanceof Module ? module.stateDict() : module.namedParameters();

function loadState(module: Trained, state: ReadonlyMap<string, Tensor>): void {
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
    'seed',
    'precision',
  ] as const) {
    const [there, here] = [withoutSeed(run.config[key]), withoutSeed(config[key])];
    if (there !== here)
      throw new CheckpointError(`${run.path}: cannot resume: ${key} was ${there}, and is now ${here}`);
  }
}
