/** Stage 1: augment, encode, project, contrast, update. */
import { checkDataset, type Dataset } from '../data/dataset.ts';
import { NonFiniteLossError, StateError } from '../errors.ts';
import { Module } from '../models/module.ts';
import { makeOptimizer } from '../optim/optimizer.ts';
import { learningRateAt } from '../optim/schedule.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { throwIfAborted } from '../validate.ts';
import { trainBatches } from './batches.ts';
import { RunWriter } from './checkpointing.ts';
import type { EndEvent, TrainEvent } from './events.ts';
import { checkFitOptions, type FitOptions } from './fit-options.ts';
import { type ResolvedOptions, resolveOptions, type TrainerOptions } from './options.ts';
import { makeStep, type StepResult } from './step.ts';

/**
 * Trains an encoder and a head with a contrastive loss.
 *
 * @example
 * const trainer = new Trainer({ encoder, head, augment: presets.simclr({ size: 32 }), loss: { name: 'supcon' } });
 * await trainer.fit(dataset, { out: 'runs/first', onEvent: (event) => console.log(event) });
 */
export class Trainer {
  readonly #options: ResolvedOptions;
  #running = false;

  /** @throws {OptionError} an unknown or wrong option. */
  constructor(options: TrainerOptions) {
    this.#options = resolveOptions(options);
  }

  /**
   * Trains to the end.
   * @throws {NonFiniteLossError} a loss that is NaN or infinite, with its step; the newest checkpoint is from before it.
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
    const { encoder, head, epochs, batchSize, schedule } = this.#options;
    const { signal, monitor, checkpointEvery } = options;
    encoder.to(this.#options.device);
    if (head instanceof Module) head.to(this.#options.device);
    const loader = trainBatches(dataset, this.#options);
    const totalSteps = loader.length * epochs;
    using optimizer = makeOptimizer(this.#options.optimizer, namedParameters(this.#options));
    const writer = await RunWriter.open(this.#options, dataset, optimizer, options);
    const startStep = writer?.startStep ?? 0;
    const step = makeStep(this.#options, optimizer);

    yield {
      kind: 'start',
      samples: dataset.length,
      stepsPerEpoch: loader.length,
      totalSteps,
      startStep,
      device: encoder.device,
    };
    const began = performance.now();
    let monitoring = 0; // ms; no part of the throughput
    let done = startStep;
    let enqueued = startStep;
    let epochLoss = 0;
    let epochSteps = 0;
    let warnedOfOneClass = false;
    const waiting: { result: Promise<StepResult>; learningRate: number; epoch: number }[] = [];

    const settle = async (): Promise<TrainEvent> => {
      const { result, learningRate, epoch } = waiting.shift() as (typeof waiting)[number];
      const { loss, validAnchors } = await result;
      if (!Number.isFinite(loss))
        throw new NonFiniteLossError(
          `the loss is ${loss} at step ${done + 1} (epoch ${epoch + 1}); the weights are those of step ${done}. A lower learning rate or a higher temperature usually helps`,
          done + 1,
        );
      done++;
      epochLoss += loss;
      epochSteps++;
      const seconds = (performance.now() - began - monitoring) / 1000;
      const perStep = seconds / (done - startStep);
      const event: TrainEvent = {
        kind: 'step',
        step: done,
        epoch,
        loss,
        learningRate,
        ...(validAnchors !== undefined && { validAnchors }),
        samplesPerSecond: batchSize / perStep,
        secondsLeft: perStep * (totalSteps - done),
      };
      await writer?.step(event);
      return event;
    };

    let loss = Number.NaN;
    try {
      for (let epoch = Math.floor(startStep / loader.length); epoch < epochs; epoch++) {
        this.#setTraining(true);
        epochLoss = 0;
        epochSteps = 0;
        const first = enqueued - epoch * loader.length;
        for await (const batch of loader.epoch(epoch, { startStep: first, ...(signal && { signal }) })) {
          using _ = batch;
          if (batch.isSingleClass && !warnedOfOneClass) {
            warnedOfOneClass = true;
            yield { kind: 'warning', message: oneClassMessage };
          }
          const learningRate = learningRateAt(schedule, {
            baseLearningRate: this.#options.optimizer.lr,
            step: enqueued,
            totalSteps,
            stepsPerEpoch: loader.length,
            batchSize,
          });
          const result = step.run(batch.images, batch.labels, learningRate);
          result.catch(() => {}); // heard when its turn comes
          waiting.push({ result, learningRate, epoch });
          enqueued++;
          if (waiting.length >= step.inFlight) yield await settle();
        }
        while (waiting.length > 0) yield await settle();
        loss = epochLoss / Math.max(1, epochSteps);
        this.#setTraining(false);
        const ended = performance.now();
        const metrics = monitor ? await monitor({ epoch, step: done, signal }) : {};
        monitoring += performance.now() - ended;
        const event: TrainEvent = { kind: 'epoch', epoch, step: done, loss, metrics };
        await writer?.epoch(event);
        yield event;
        if (writer && ((epoch + 1) % checkpointEvery === 0 || epoch + 1 === epochs))
          yield { kind: 'checkpoint', step: done, folder: await writer.checkpoint(done, epoch + 1) };
        throwIfAborted(signal);
      }
    } catch (error) {
      if (signal?.aborted) {
        // What was enqueued has still to run: the weights must be those of the step that the checkpoint names.
        while (waiting.length > 0) await settle();
        await writer?.checkpoint(done, Math.floor(done / loader.length));
      }
      throw error;
    } finally {
      await Promise.allSettled(waiting.map(({ result }) => result));
    }
    const seconds = (performance.now() - began - monitoring) / 1000;
    const samplesPerSecond = ((done - startStep) * batchSize) / Math.max(seconds, 1e-9);
    yield { kind: 'end', step: done, loss, samplesPerSecond, seconds };
  }
}

const oneClassMessage =
  'a batch holds one class only: variant "out" then has nothing to push apart, and "in" has no gradient. Is the data sorted, or the batch too small?';

/** What the optimizer trains, named as in a checkpoint. */
function namedParameters({ encoder, head }: ResolvedOptions): Map<string, Tensor> {
  const all = new Map<string, Tensor>();
  for (const [prefix, module] of [
    ['encoder', encoder],
    ['head', head],
  ] as const)
    for (const [name, value] of module?.namedParameters() ?? []) all.set(`${prefix}.${name}`, value);
  return all;
}
