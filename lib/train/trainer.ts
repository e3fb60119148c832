/** Stage 1: augment, encode, project, contrast, update. */
import { checkDataset, type Dataset } from '../data/dataset.ts';
import { StateError } from '../errors.ts';
import { Module } from '../models/module.ts';
import { makeOptimizer } from '../optim/optimizer.ts';
import { learningRateAt } from '../optim/schedule.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { throwIfAborted } from '../validate.ts';
import { precisionOfRun, RunWriter } from './checkpointing.ts';
import type { EndEvent, TrainEvent } from './events.ts';
import { checkFitOptions, type FitOptions } from './fit-options.ts';
import { fitPrecision } from './fit-precision.ts';
import { MomentumEncoder } from './momentum-encoder.ts';
import { type CheckedOptions, checkTrainerOptions, type ResolvedOptions, type TrainerOptions } from './options.ts';
import { makePipeline, type StepOutcome } from './pipeline.ts';
import { type StepPlace, StepReports } from './reports.ts';

/**
 * Trains an encoder and a head with a contrastive loss.
 *
 * @example
 * const trainer = new Trainer({ encoder, head, augment: presets.simclr({ size: 32 }), loss: { name: 'supcon' } });
 * await trainer.fit(dataset, { out: 'runs/first', onEvent: (event) => console.log(event) });
 */
export class Trainer {
  readonly #options: CheckedOptions;
  #running = false;

  /** @throws {OptionError} an unknown or wrong option. */
  constructor(options: TrainerOptions) {
    this.#options = checkTrainerOptions(options);
  }

  /**
   * Trains to the end.
   * @throws {NonFiniteLossError} a loss, gradient or weight that is NaN or infinite, with its step; weights, running statistics and
   * the newest checkpoint are from before it.
   * @throws {AbortError} the signal fired.
   */
  async fit(dataset: Dataset, options: FitOptions = {}): Promise<EndEvent> {
    for await (const event of this.events(dataset, options)) if (event.kind === 'end') return event;
    throw new StateError('training ended without an end'); // unreachable: events() ends with one or throws
  }

  /** As fit, as an iterator: `for await (const event of trainer.events(dataset))`. Leaving the loop stops the training. */
  async *events(dataset: Dataset, options: FitOptions = {}): AsyncGenerator<TrainEvent, void, undefined> {
    const checked = checkFitOptions(options);
    throwIfAborted(options.signal);
    if (this.#running) throw new StateError('this trainer is running already');
    this.#running = true;
    try {
      for await (const event of this.#run(checkDataset(dataset), checked)) {
        options.onEvent?.(event);
        yield event;
      }
    } finally {
      this.#running = false;
      this.#setTraining(false);
    }
  }

  #setTraining(on: boolean): void {
    for (const module of [this.#options.encoder, this.#options.head]) if (module instanceof Module) module.train(on);
  }

  async *#run(
    dataset: Dataset,
    options: ReturnType<typeof checkFitOptions>,
  ): AsyncGenerator<TrainEvent, void, undefined> {
    const { encoder, head, epochs, batchSize, schedule, momentumEncoder } = this.#options;
    const { signal, monitor, checkpointEvery } = options;
    encoder.to(this.#options.device);
    if (head instanceof Module) head.to(this.#options.device);
    const parameters = namedParameters(this.#options);
    this.#setTraining(true);
    const asked = (await precisionOfRun(this.#options, options)) ?? this.#options.precision;
    const choice = await fitPrecision({ ...this.#options, precision: asked }, dataset, parameters.values(), signal);
    const resolved: ResolvedOptions = { ...this.#options, precision: choice.precision };
    using optimizer = makeOptimizer(resolved.optimizer, parameters);
    using momentum = momentumEncoder && new MomentumEncoder(resolved, momentumEncoder);
    const pipeline = makePipeline(dataset, resolved, optimizer, momentum);
    const { stepsPerEpoch } = pipeline;
    const totalSteps = stepsPerEpoch * epochs;
    const writer = await RunWriter.open({ options: resolved, choice, optimizer, momentum }, dataset, options);
    const startStep = writer?.startStep ?? 0;
    yield {
      ...{ kind: 'start', samples: dataset.length, stepsPerEpoch, totalSteps, startStep, device: encoder.device },
      ...{ precision: choice.precision, ...(choice.speeds && { precisionSpeeds: choice.speeds }) },
    };
    if (choice.warning !== undefined) yield { kind: 'warning', message: choice.warning };

    const reports = new StepReports({ first: startStep, total: totalSteps, batchSize });
    const waiting: (StepPlace & { readonly outcome: Promise<StepOutcome> })[] = [];
    const settle = async (): Promise<TrainEvent[]> => {
      const { outcome, ...place } = waiting.shift() as (typeof waiting)[number];
      const events = reports.count(await outcome, place);
      for (const event of events) if (event.kind === 'step') await writer?.step(event);
      return events;
    };

    let enqueued = startStep;
    let loss = Number.NaN;
    try {
      for (let epoch = Math.floor(startStep / stepsPerEpoch); epoch < epochs; epoch++) {
        this.#setTraining(true);
        reports.startEpoch();
        for await (const pending of pipeline.epoch(epoch, { startStep: enqueued - epoch * stepsPerEpoch, signal })) {
          using _ = pending;
          const learningRate = learningRateAt(schedule, {
            baseLearningRate: this.#options.optimizer.lr,
            step: enqueued,
            totalSteps,
            stepsPerEpoch,
            batchSize,
          });
          const outcome = pending.run({ learningRate, progress: enqueued / totalSteps });
          outcome.catch(() => {}); // heard when its turn comes
          waiting.push({ outcome, learningRate, epoch });
          enqueued++;
          if (waiting.length >= pipeline.inFlight) yield* await settle();
        }
        while (waiting.length > 0) yield* await settle();
        loss = reports.epochLoss;
        this.#setTraining(false);
        const step = reports.done;
        const metrics = monitor ? await reports.pause(() => monitor({ epoch, step, signal })) : {};
        const event: TrainEvent = { kind: 'epoch', epoch, step, loss, metrics };
        await writer?.epoch(event);
        yield event;
        if (writer && ((epoch + 1) % checkpointEvery === 0 || epoch + 1 === epochs))
          yield { kind: 'checkpoint', step, folder: await writer.checkpoint(step, epoch + 1) };
        throwIfAborted(signal);
      }
    } catch (error) {
      if (signal?.aborted) {
        // What was enqueued has still to run: the weights must be those of the step that the checkpoint names.
        while (waiting.length > 0) await settle();
        await writer?.checkpoint(reports.done, Math.floor(reports.done / stepsPerEpoch));
      }
      throw error;
    } finally {
      await Promise.allSettled(waiting.map(({ outcome }) => outcome));
    }
    const { done, samplesPerSecond, seconds } = reports;
    yield { kind: 'end', step: done, loss, samplesPerSecond, seconds };
  }
}

/** What the optimizer trains, named as in a checkpoint. */
function namedParameters({ encoder, head }: CheckedOptions): Map<string, Tensor> {
  const all = new Map<string, Tensor>();
  for (const [prefix, module] of [
    ['encoder', encoder],
    ['head', head],
  ] as const)
    for (const [name, value] of module?.namedParameters() ?? []) all.set(`${prefix}.${name}`, value);
  return all;
}
