/** A training run on disk: its config, its metrics, its checkpoints, and going on from one. */
import { rmdir } from 'node:fs/promises';
import type { BestCheckpoint } from '../checkpoint/best-checkpoint.ts';
import type { Checkpoint, CheckpointState } from '../checkpoint/checkpoint-files.ts';
import { findNonFinite } from '../checkpoint/finite.ts';
import { type EncoderProgram, encoderProgram } from '../checkpoint/program-encoder.ts';
import { RunFolder } from '../checkpoint/run.ts';
import type { JsonObject, RunConfig } from '../checkpoint/run-config.ts';
import { lockRun } from '../checkpoint/run-lock.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Sampler } from '../data/sampler.ts';
import { CheckpointError, messageOf, NonFiniteLossError } from '../errors.ts';
import type { RawTensor } from '../files/safetensors.ts';
import type { Lock } from '../lock-file.ts';
import type { Method } from '../methods/method.ts';
import { movingBuffers } from '../methods/moving-buffers.ts';
import { Module } from '../nn/module.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { Precision, PrecisionChoice } from '../tensor/precision.ts';
import { rawState, tensorState } from '../tensor/raw-tensors.ts';
import type { AveragedWeights } from './averaged-weights.ts';
import { configOf, json } from './config-of.ts';
import type { EpochEvent, MonitorEvent, StepEvent } from './events.ts';
import type { ResolvedFit } from './fit-options.ts';
import { loadState, modulesOf, type Part, stateOf } from './module-state.ts';
import type { CheckedOptions, ResolvedOptions } from './options.ts';
import { refuseOtherRun, scheduleWarning } from './same-run.ts';

/** What a checkpoint holds. */
export interface Trained {
  readonly options: ResolvedOptions;
  readonly sampler: Sampler;
  readonly choice: PrecisionChoice;
  readonly optimizer: Optimizer;
  readonly method: Method;
  readonly average: AveragedWeights | undefined;
  readonly stepsPerEpoch: number;
}

/** With 'auto', the precision of the run that `fit` goes on with: it is chosen once. Undefined where nothing is to be kept. */
export async function precisionOfRun({ precision }: CheckedOptions, fit: ResolvedFit): Promise<Precision | undefined> {
  if (precision !== 'auto' || !fit.resume || fit.out === undefined) return undefined;
  const { config } = await RunFolder.open(fit.out);
  return config.precision;
}

/** Where a run is when a fit begins with it. */
interface Start {
  readonly run: RunFolder;
  /** Begun by this fit. */
  readonly isNew?: boolean;
  /** Of the checkpoint that was loaded. */
  readonly savedStep?: number;
  /** The best one up to it, by the figure that this fit watches. */
  readonly best?: BestCheckpoint | undefined;
  /** Its encoder's program. */
  readonly program?: string | undefined;
  /** Of metrics.jsonl, up to that step: those of its epoch and the one before. */
  readonly records?: readonly JsonObject[];
  readonly warnings?: readonly string[];
}

/** Holds the run's lock until it is disposed. */
export class RunWriter implements AsyncDisposable {
  readonly startStep: number;
  /** For whoever trains to hear, at the start. */
  readonly warnings: readonly string[];
  readonly #run: RunFolder;
  /** Begun by this fit, and without a step so far. */
  #isNew: boolean;
  readonly #trained: Trained;
  readonly #lock: Lock;
  readonly #program: EncoderProgram | undefined;
  readonly #records: readonly JsonObject[];
  /** Names of buffers that are not finite to begin with, such as masks. */
  readonly #notFinite: ReadonlySet<string>;
  #savedStep: number | undefined;
  #best: BestCheckpoint | undefined;

  private constructor(
    { run, isNew = false, savedStep, best, records = [], warnings = [] }: Start,
    trained: Trained,
    lock: Lock,
    { program, warning }: { readonly program?: EncoderProgram; readonly warning?: string },
  ) {
    this.#run = run;
    this.#isNew = isNew;
    this.#trained = trained;
    this.#lock = lock;
    this.#records = records;
    this.#notFinite = notFiniteIn(trained);
    this.#savedStep = savedStep;
    this.#best = best;
    this.startStep = savedStep ?? 0;
    this.#program = program;
    this.warnings = warning === undefined ? warnings : [...warnings, warning];
  }

  /**
   * Begins a run in `fit.out`, or loads the newest good checkpoint there into the modules; undefined without `out`.
   * @throws {CheckpointError} another process writes it, it is another run, or no checkpoint is whole.
   */
  static async open(trained: Trained, dataset: Dataset, fit: ResolvedFit): Promise<RunWriter | undefined> {
    if (fit.out === undefined) return undefined;
    if (fit.resume) await RunFolder.open(fit.out); // says that there is none, before a folder is made for the lock
    const config = await configOf(trained.options, trained.sampler, trained.choice, dataset, fit);
    const lock = await lockRun(fit.out);
    try {
      const start = fit.resume
        ? await resume(fit.out, config, trained, fit)
        : { run: await RunFolder.create(fit.out, config), isNew: true };
      return new RunWriter(start, trained, lock, await programIn(trained.options.encoder, config, start.program));
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Step of the newest checkpoint that this training wrote or read. */
  get savedStep(): number | undefined {
    return this.#savedStep;
  }

  /** The losses of an epoch's steps before this fit. */
  lossesOf(epoch: number): number[] {
    const steps = this.#records.filter((record) => record.kind === 'step' && record.epoch === epoch);
    return steps.map(({ loss }) => Number(loss));
  }

  /** The loss in the record of an epoch that ended before this fit; undefined where it has none. */
  lossOfEpoch(epoch: number): number | undefined {
    const record = this.#records.find(({ kind, epoch: of }) => kind === 'epoch' && of === epoch);
    return record && Number(record.loss);
  }

  /** Whether there is a record of what monitors said before the first step. */
  get hasStart(): boolean {
    return this.#records.some(({ kind, step }) => kind === 'monitor' && step === 0);
  }

  async record(event: StepEvent | MonitorEvent | EpochEvent): Promise<void> {
    if (event.step > 0) this.#isNew = false;
    await this.#run.metrics.append(json(event));
  }

  /** Whether a checkpoint is kept as the best one, of this figure, perhaps since an earlier part of the run. */
  get hasBest(): boolean {
    return this.#best !== undefined;
  }

  /** Whether a figure is higher than in the epochs before. */
  isBest(value: number): boolean {
    return value > (this.#best?.value ?? Number.NEGATIVE_INFINITY);
  }

  /** Keeps the newest checkpoint as the best one. */
  async keepAsBest(figure: string, value: number): Promise<void> {
    this.#best = { step: this.#savedStep as number, figure, value };
    await this.#run.setBest(this.#best);
  }

  /**
   * Writes the weights as they are now, after `step` steps.
   * @throws {NonFiniteLossError} they are not finite; nothing is written then.
   */
  async checkpoint(step: number): Promise<string> {
    const { options, optimizer: trainedBy, average, stepsPerEpoch } = this.#trained;
    const weights = new Map<string, RawTensor>();
    for (const [prefix, module] of modulesOf(options))
      for (const [name, raw] of await rawState(stateOf(module), `${prefix}.`)) weights.set(name, raw);
    const means = average && (await rawState(average.stateDict()));
    const trained = means && new Map([...weights].filter(([name]) => means.has(name)));
    const model = new Map([...weights, ...(means ?? [])]);
    const optimizer = await rawState(trainedBy.stateDict());
    const method = await rawState(this.#trained.method.stateDict());
    const name =
      (await findNonFinite(weights, this.#notFinite)) ??
      (means && (await findNonFinite(means))) ??
      (await findNonFinite(optimizer)) ??
      (await findNonFinite(method, this.#notFinite));
    if (name !== undefined)
      throw new NonFiniteLossError(
        `${name} is not finite after step ${step}, which is not saved; ${this.#savedStep === undefined ? 'there is no checkpoint yet' : `the newest checkpoint is that of step ${this.#savedStep}`}. A lower learning rate usually helps`,
        step,
      );
    await this.#run.metrics.flush();
    const lossScale = await options.lossScale?.read();
    const state: CheckpointState = {
      ...{ step, epoch: Math.floor(step / stepsPerEpoch), seed: options.seed },
      ...(lossScale && { lossScale: { ...lossScale } }),
    };
    const { text, constants = [] } = this.#program ?? {};
    const folder = await this.#run.saveCheckpoint({
      model: new Map([...model, ...constants]),
      ...(text !== undefined && { encoder: text }),
      ...(trained && { trained }),
      ...(optimizer.size > 0 && { optimizer }),
      ...(method.size > 0 && { method }),
      state,
    });
    this.#savedStep = step;
    return folder;
  }

  /** A run that came to no step leaves nothing behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    const isEmpty = this.#isNew && this.#savedStep === undefined;
    try {
      if (isEmpty) await this.#run.discard();
    } finally {
      await this.#lock.release();
    }
    if (isEmpty) await rmdir(this.#run.path).catch(() => {}); // it holds other files
  }
}

/** The encoder's program, or why checkpoints will have none. @param before of the checkpoint that training goes on from. */
async function programIn(
  encoder: Module,
  { input }: RunConfig,
  before: string | undefined,
): Promise<{ readonly program?: EncoderProgram; readonly warning?: string }> {
  try {
    const program = await encoderProgram(encoder, input);
    const isChanged = before !== undefined && before !== program.text && encoder.config === undefined;
    const warning =
      "the encoder's forward pass is not the one that the checkpoint was trained with: was its code changed?";
    return { program, ...(isChanged && { warning }) };
  } catch (error) {
    return { warning: `the run can be opened only with the code of its encoder: ${messageOf(error)}` };
  }
}

async function resume(path: string, config: RunConfig, trained: Trained, fit: ResolvedFit): Promise<Start> {
  const run = await RunFolder.open(path);
  refuseOtherRun(run, config);
  const warnings: string[] = [];
  let savedStep: number | undefined;
  let program: string | undefined;
  if ((await run.steps()).length === 0) {
    warnings.push(`${run.path}: the run stopped before its first checkpoint; it begins again at step 0`);
  } else {
    const checkpoint = await run.loadCheckpoint('latest', { onWarning: (message) => warnings.push(message) });
    await load(checkpoint, trained);
    savedStep = checkpoint.state.step;
    program = checkpoint.encoder;
  }
  const step = savedStep ?? 0;
  const best = await run.best();
  const firstEpoch = Math.floor(step / trained.stepsPerEpoch) - 1;
  const records = (await run.metrics.dropAfter(step)).filter(({ epoch }) => Number(epoch) >= firstEpoch);
  const { epochs } = config;
  const { stepsPerEpoch, options } = trained;
  const before = { epochs: run.config.epochs, step, stepsPerEpoch };
  const goesOn = epochs * stepsPerEpoch > step;
  const warning = goesOn && step > 0 && epochs !== before.epochs ? scheduleWarning(options, before) : undefined;
  if (warning !== undefined) warnings.push(warning);
  return {
    run: await run.with({
      ...(goesOn && { epochs }),
      ...(fit.data && { data: fit.data }),
      ...(fit.encoderFile !== undefined && { encoder: { ...run.config.encoder, file: fit.encoderFile } }),
    }),
    ...(savedStep !== undefined && { savedStep }),
    ...(best && best.figure === fit.best && best.step <= step && { best }),
    program,
    records,
    warnings,
  };
}

async function load(checkpoint: Checkpoint, { options, optimizer, method, average }: Trained): Promise<void> {
  const weights = new Map([...checkpoint.model, ...(checkpoint.trained ?? [])]);
  try {
    for (const [prefix, module] of modulesOf(options)) loadState(module, tensorState(weights, `${prefix}.`));
    average?.loadStateDict(tensorState(checkpoint.model));
    if (checkpoint.optimizer) optimizer.loadStateDict(tensorState(checkpoint.optimizer));
    method.loadStateDict(tensorState(checkpoint.method ?? new Map()));
    options.lossScale?.set(checkpoint.state.lossScale as JsonObject);
  } catch (error) {
    throw new CheckpointError(`${checkpoint.folder}: ${messageOf(error)}`, { cause: error });
  }
}

function notFiniteIn({ options, method }: Trained): Set<string> {
  const parts: [string, Part][] = [
    ...modulesOf(options).map(([name, part]): [string, Part] => [`${name}.`, part]),
    ['', method],
  ];
  const names = parts.flatMap(([prefix, module]) => {
    if (!(module instanceof Module)) return [];
    const moving = movingBuffers(module);
    return [...module.namedBuffers().keys()].filter((name) => !moving.has(name)).map((name) => `${prefix}${name}`);
  });
  return new Set(names);
}
