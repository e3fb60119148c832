/** Stage 1: augment, encode, project, contrast, update. */
import { checkDataset, type Dataset } from '../data/dataset.ts';
import { atOwnWork, barrier, claimGroup, fromRankZero } from '../distributed/group.ts';
import { localDevice } from '../distributed/local-device.ts';
import { failTogether } from '../distributed/rows.ts';
import { NonFiniteLossError, OptionError, StateError } from '../errors.ts';
import { Module } from '../nn/module.ts';
import { makeOptimizer } from '../optim/optimizer.ts';
import { learningRateAt, warmUpWarning } from '../optim/schedule.ts';
import { withBenchmark } from '../tensor/backends.ts';
import { throwIfAborted } from '../validate.ts';
import { AveragedWeights } from './averaged-weights.ts';
import { samplerOf } from './batches.ts';
import { precisionOfRun, RunWriter } from './checkpointing.ts';
import type { EndEvent, MonitorEvent, StepEvent, TrainEvent, WarningEvent } from './events.ts';
import { fitBatch } from './fit-batch.ts';
import { checkFitOptions, type FitOptions, type ResolvedFit } from './fit-options.ts';
import { fitPrecision } from './fit-precision.ts';
import { LossScale } from './loss-scale.ts';
import type { Figures } from './monitors.ts';
import {
  type CheckedOptions,
  checkTrainerOptions,
  type ResolvedOptions,
  samplesOfStep,
  type TrainerOptions,
} from './options.ts';
import { makePipeline, type StepOutcome } from './pipeline.ts';
import { type StepPlace, StepReports } from './reports.ts';
import { begunOf, expectAlike, joinRanks, shareState } from './shared-training.ts';
import { toldToOthers } from './told-to-others.ts';
import { makeMethod, trainedParameters } from './trained.ts';
import { Watch } from './watch.ts';

/**
 * Trains an encoder and a head by a method. They are in training mode while it trains, in evaluation mode in monitors
 * and at the end. A part that is in evaluation when the trainer is made, while the module around it is in training, stays in
 * evaluation: a normalisation that is to keep its running statistics.
 *
 * @example
 * const trainer = new Trainer({ encoder, head, augment: presets.simclr({ size: 32 }), method: simclr() });
 * await trainer.fit(dataset, { out: 'runs/first', onEvent: (event) => console.log(event) });
 */
export class Trainer {
  readonly #options: CheckedOptions;
  readonly #modules: readonly Module[];
  /** Parts that were in evaluation when this was made, though the module that they belong to was in training. */
  readonly #frozen: readonly Module[];
  #running = false;

  /** @throws {OptionError} an unknown or wrong option. @throws {DeviceError} a device that is not there. */
  constructor(options: TrainerOptions) {
    this.#options = checkTrainerOptions(options);
    const { encoder, head } = this.#options;
    this.#modules = [encoder, head].filter((part) => part instanceof Module);
    const parts = this.#modules
      .filter((module) => module.training)
      .flatMap((module) => [...module.namedModules().values()]);
    this.#frozen = parts.filter((part) => !part.training);
  }

  /**
   * Trains to the end. With `out`, an error that has nothing to do with the weights (of data, of a monitor, of `onEvent`) comes
   * after a checkpoint, as an abort does.
   * With `ema`, encoder and head hold the averaged weights then, however it ended; the next fit begins with these.
   * Without `onEvent`, warnings go to `process.emitWarning`.
   * @throws {NonFiniteLossError} a loss, gradient or weight that is NaN or infinite, with its step; weights, running statistics and
   * the newest checkpoint are from before it.
   * @throws {AbortError} the signal fired.
   */
  async fit(dataset: Dataset, options: FitOptions = {}): Promise<EndEvent> {
    for await (const event of this.events(dataset, options)) {
      if (event.kind === 'end') return event;
      if (event.kind === 'warning' && options.onEvent === undefined)
        process.emitWarning(event.message, 'TrainingWarning');
    }
    throw new StateError('training ended without an end'); // unreachable: events() ends with one or throws
  }

  /** As fit, as an iterator: `for await (const event of trainer.events(dataset))`. Leaving the loop stops the training, at a checkpoint. */
  async *events(dataset: Dataset, options: FitOptions = {}): AsyncGenerator<TrainEvent, void, undefined> {
    if (this.#running) throw new StateError('this trainer is running already');
    using _ = claimGroup();
    this.#running = true;
    const begin = () => {
      const checked = checkFitOptions(options);
      return { events: this.#run(checkDataset(dataset), checked), onEvent: checked.onEvent };
    };
    try {
      yield* toldToOthers(begin, options?.signal);
    } finally {
      this.#running = false;
      this.#setTraining(false);
    }
  }

  #setTraining(on: boolean): void {
    for (const module of this.#modules) module.train(on);
    for (const part of this.#frozen) part.eval();
  }

  async *#run(dataset: Dataset, options: ResolvedFit): AsyncGenerator<TrainEvent, void, undefined> {
    const ranks = await joinRanks(this.#options);
    const { sized, warnings } = fitBatch(this.#options, dataset, ranks);
    const { encoder, head, epochs, schedule } = sized;
    const samplesAStep = samplesOfStep(sized);
    const { monitors, monitorEvery = Number.POSITIVE_INFINITY, checkpointEvery, best } = options;
    // Processes that train together stop behind the same step: who wants to stop says so in the next one.
    const together = new AbortController();
    const signal = ranks ? together.signal : options.signal;
    const device = ranks ? localDevice(sized.device) : sized.device;
    encoder.to(device);
    if (head instanceof Module) head.to(device);
    this.#setTraining(true);
    const asked = (await fromRankZero(() => precisionOfRun(sized, options))) ?? sized.precision;
    const choice = await fromRankZero(() => fitPrecision({ ...sized, precision: asked }, dataset, options.signal));
    using _ = withBenchmark(device);
    using lossScale = choice.precision === 'float16' ? new LossScale(device) : undefined;
    const resolved: ResolvedOptions = {
      ...{ ...sized, precision: choice.precision },
      ...(ranks && { ranks }),
      ...(lossScale && { lossScale }),
    };
    const sampler = await samplerOf(dataset, resolved, signal);
    using watch = new Watch(monitors);
    using method = makeMethod(resolved, watch.network({ encoder, head }, choice.precision, ranks));
    using optimizer = makeOptimizer(resolved.optimizer, trainedParameters(resolved, method));
    using average = resolved.ema && new AveragedWeights(resolved, resolved.ema);
    using pipeline = makePipeline(dataset, resolved, sampler, optimizer, method, watch, average);
    const { stepsPerEpoch } = pipeline;
    const totalSteps = stepsPerEpoch * epochs;
    const trained = { options: resolved, sampler, choice, optimizer, method, average, stepsPerEpoch };
    if (ranks) await expectAlike(trained, dataset, options);
    const writes = ranks === undefined || ranks.rank === 0;
    await using writer = writes ? await atOwnWork(() => RunWriter.open(trained, dataset, options)) : undefined;
    const begun = await fromRankZero(() => begunOf(writer, stepsPerEpoch));
    if (ranks) await shareState(trained, ranks);
    const { startStep } = begun;
    const reports = new StepReports({ first: startStep, total: totalSteps, batchSize: samplesAStep });
    const waiting: (StepPlace & { readonly outcome: Promise<StepOutcome | undefined> })[] = [];
    let isLeaving = false; // monitors are asked no more: other processes may not ask theirs
    let isWhole = true; // the weights are those of the last step that was counted, or will be when all that waits has run
    /** All ranks look, once all that was enqueued has been seen by each; what rank 0 finds counts. */
    const figures = (look: () => Promise<Figures>) =>
      reports.pause(async () => {
        if (ranks) await Promise.allSettled(waiting.map(({ outcome }) => outcome));
        const found = await failTogether(look);
        return fromRankZero(() => found);
      });
    const settle = async (): Promise<TrainEvent[]> => {
      const { outcome, ...place } = waiting.shift() as (typeof waiting)[number];
      let events: (WarningEvent | StepEvent | MonitorEvent)[];
      try {
        const result = await outcome;
        if (result?.isStopped) together.abort(options.signal?.reason);
        events = result === undefined ? [] : reports.count(result, place);
      } catch (error) {
        isWhole = pipeline.undoesFailures && !(error instanceof NonFiniteLossError);
        throw error;
      }
      if (events.length === 0) return events; // the rest of its update is still to come
      const { done: step } = reports;
      if (step % stepsPerEpoch !== 0 && step % monitorEvery === 0 && !(ranks && isLeaving)) {
        const { epoch } = place;
        const metrics = await figures(() => watch.figures({ epoch, step, signal: options.signal }));
        events.push({ kind: 'monitor', epoch, step, metrics });
      }
      for (const event of events) if (event.kind !== 'warning') await writer?.record(event);
      return events;
    };
    const save = async (step: number): Promise<TrainEvent[]> =>
      writer === undefined || writer.savedStep === step
        ? []
        : [{ kind: 'checkpoint', step, folder: await atOwnWork(() => writer.checkpoint(step)) }];
    /** With the averaged weights in their places, where there are some. */
    const judged = async <T>(judge: () => Promise<T> | T): Promise<T> => {
      average?.swap();
      try {
        return await judge();
      } finally {
        average?.swap();
      }
    };
    const start = async (): Promise<TrainEvent[]> => {
      this.#setTraining(false);
      const metrics = await figures(() => watch.figuresWithoutSteps({ epoch: -1, step: 0, signal: options.signal }));
      if (Object.keys(metrics).length === 0) return [];
      const event = { kind: 'monitor', epoch: 0, step: 0, metrics } as const;
      await writer?.record(event);
      return [event];
    };
    let isMissingTold = false;
    const endEpoch = async (epoch: number): Promise<TrainEvent[]> => {
      this.#setTraining(false);
      if (ranks?.canDiffer) await shareState(trained, ranks);
      const step = reports.done;
      const isLast = epoch + 1 === epochs;
      let missing: string | undefined;
      const found = async (): Promise<Figures> => {
        const ofEpoch = await watch.figuresOfEpoch({ epoch, step, signal: options.signal });
        // A run that goes on may have been given it before; monitors of features are silent where no step was made since.
        const isAsked = step > startStep || !watch.seesFeatures;
        if (best !== undefined && writer?.hasBest === false && isAsked) missing = watch.missing(best, { isLast });
        if (missing !== undefined && isLast) throw new OptionError(missing);
        return ofEpoch;
      };
      const metrics = await figures(() => judged(found));
      const event = { kind: 'epoch', epoch, step, loss: reports.epochLoss, metrics } as const;
      const events: TrainEvent[] = [];
      if (missing !== undefined && !isMissingTold) events.push({ kind: 'warning', message: missing });
      isMissingTold ||= missing !== undefined;
      const value = best === undefined ? undefined : metrics[best];
      if (best !== undefined && value !== undefined && writer?.isBest(value)) {
        events.push(...(await save(step)));
        await atOwnWork(() => writer.keepAsBest(best, value));
      }
      await writer?.record(event);
      return [...events, event];
    };

    /** After an error, an abort, or a consumer that left: what was enqueued has still to run, and is worth a checkpoint. */
    const keep = async (): Promise<void> => {
      isLeaving = true;
      try {
        // What waits behind a step that failed is refused, and changes nothing.
        while (isWhole && waiting.length > 0) await settle().catch(() => {});
        if (isWhole && reports.done > 0) await save(reports.done);
      } catch (error) {
        if (options.signal?.aborted) throw error; // who stops a run counts on its checkpoint; any other error goes first
      }
    };

    const first = Math.floor(startStep / stepsPerEpoch);
    let enqueued = startStep;
    let loss = begun.lossBefore ?? Number.NaN;
    let hasEnded = false;
    try {
      yield {
        ...{ kind: 'start', samples: dataset.length, stepsPerEpoch, totalSteps, startStep, device: encoder.device },
        ...{ precision: choice.precision, ...(choice.speeds && { precisionSpeeds: choice.speeds }) },
      };
      const ofSchedule = warmUpWarning(schedule, { totalSteps, stepsPerEpoch });
      for (const message of [choice.warning, ofSchedule, ...warnings, ...(writer?.warnings ?? [])])
        if (message !== undefined) yield { kind: 'warning', message };
      if (options.monitorStart && startStep === 0 && !begun.hasStart) yield* await start();
      if (begun.lossesBefore.length > 0 && Number.isNaN(loss)) {
        reports.startEpoch(begun.lossesBefore); // it stopped between the epoch's checkpoint and its record
        loss = reports.epochLoss;
        yield* await endEpoch(first - 1);
      }
      for (let epoch = first; epoch < epochs; epoch++) {
        this.#setTraining(true);
        reports.startEpoch(epoch === first ? begun.losses : []);
        for await (const pending of pipeline.epoch(epoch, { startStep: enqueued - epoch * stepsPerEpoch, signal })) {
          using _ = pending;
          const learningRate = learningRateAt(schedule, {
            baseLearningRate: resolved.optimizer.lr,
            step: enqueued,
            totalSteps,
            stepsPerEpoch,
            batchSize: samplesAStep,
          });
          const progress = enqueued / totalSteps;
          const decay = average?.decayAt({ step: enqueued, progress });
          const outcome = pending.run({
            step: enqueued,
            learningRate,
            progress,
            ...(ranks && { stop: options.signal }),
            ...(decay !== undefined && { decay }),
          });
          outcome.catch(() => {}); // heard when its turn comes
          waiting.push({ outcome, learningRate, epoch });
          if (pending.isUpdate) enqueued++;
          if (waiting.length >= pipeline.inFlight) yield* await settle();
        }
        while (waiting.length > 0) yield* await settle();
        yield* reports.endEpoch();
        loss = reports.epochLoss;
        if ((epoch + 1) % checkpointEvery === 0 || epoch + 1 === epochs) yield* await save(reports.done);
        yield* await endEpoch(epoch);
        throwIfAborted(signal);
      }
      if (reports.done === 0) yield* await save(0); // a run of no epochs
      await barrier(); // no process ends before all have heard what rank 0 said last
      hasEnded = true;
    } finally {
      try {
        if (!hasEnded) await keep();
      } finally {
        await Promise.allSettled(waiting.map(({ outcome }) => outcome));
        average?.swap(); // the modules keep it
      }
    }
    const { done, samplesPerSecond, seconds, skippedSteps } = reports;
    const skipped = lossScale && { skippedSteps };
    yield { kind: 'end', step: done, loss, samplesPerSecond, seconds, ...skipped };
  }
}
