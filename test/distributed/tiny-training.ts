/** A training of a second, whose options, and faults, are plain data: a process is given them by its command line. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { presets } from '../../lib/augment/presets.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import type { Dataset } from '../../lib/data/dataset.ts';
import { extractFeatures } from '../../lib/evaluate/features.ts';
import { knnClassify } from '../../lib/evaluate/knn.ts';
import { featureRank } from '../../lib/monitors/feature-rank.ts';
import { featureSpread } from '../../lib/monitors/feature-spread.ts';
import { onlineKnn } from '../../lib/monitors/online-knn.ts';
import { onlineProbe } from '../../lib/monitors/online-probe.ts';
import { Module } from '../../lib/nn/module.ts';
import { tidy } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import type { TrainEvent } from '../../lib/train/events.ts';
import type { FitOptions } from '../../lib/train/fit-options.ts';
import type { Figures, Monitor } from '../../lib/train/monitors.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { tinyDataset, tinyModels, tinyViews } from '../train/tiny.ts';
import { doubleMethod, doubleModels, smallDoubleModels } from './double.ts';

export interface Training extends Partial<TrainerOptions> {
  /** Samples of the data set, and the one of them that cannot be read. */
  readonly count?: number;
  readonly damaged?: number;
  readonly fit?: FitOptions;
  /** Of the initial weights. */
  readonly weightSeed?: number;
  /** Whether monitors watch it, every second step and at the end of an epoch. */
  readonly isWatched?: boolean;
  /** Whether gradients are told, and neighbours classify images, in the end. */
  readonly isJudged?: boolean;
  /** Whether encoder and head are of float64; and small besides. */
  readonly isDouble?: boolean;
  readonly isSmall?: boolean;
  /** The pass through a head of its own that makes NaN; -1: none does. */
  readonly nanAt?: number;
  /** What the head's vectors are multiplied by, where they are. */
  readonly scale?: number;
  /** Seconds that a monitor takes. */
  readonly pause?: number;
  /** Seconds that whatever is written of a run takes, and the look for its folder. */
  readonly slowDisk?: number;
  /** What happens when a step is done, the first time that a launcher starts this. */
  readonly fault?: { readonly step: number; readonly does: keyof typeof faults };
  /** What is otherwise in a rank. */
  readonly ofRanks?: readonly Training[];
}

export interface Trained {
  readonly events: readonly TrainEvent[];
  readonly error?: { readonly code: string; readonly message: string };
  /** Weights and running statistics of encoder and head. */
  readonly weights: readonly number[];
  /** Of the last step, where they are asked for. */
  readonly gradients: readonly number[];
  /** Of images that neighbours classified in the end, where it is asked for: how many rightly, and how sure of each. */
  readonly knn: readonly number[];
  /** Of their bits. */
  readonly digest: string;
}

const faults = {
  kill: () => process.kill(process.pid, 'SIGKILL'),
  stop: () => process.kill(process.pid, 'SIGSTOP'),
  exit: () => process.exit(3),
  cut: () => writeFileSync(process.env.CONTRASTIVE_TEST_CUT as string, ''),
  abort: (stop: AbortController) => stop.abort(),
  sum: () =>
    void ops
      .allReduce_(ops.ones([1]))
      .data()
      .catch(() => {}),
  throw: () => {
    throw new Error('the listener is out of ink');
  },
} as const;

function datasetOf({ count = 48, damaged }: Training): Dataset {
  const { name, length, get } = tinyDataset(count);
  const read: Dataset['get'] = (index) => {
    if (index === damaged) throw new Error('the disk is scratched');
    return get(index);
  };
  return { name, length, get: read };
}

class Scaled extends Module {
  readonly inner: Module;
  readonly #scale: number;

  constructor(inner: Module, scale: number) {
    super();
    this.inner = inner;
    this.#scale = scale;
  }

  override get isPure(): boolean {
    return true;
  }

  override forward(features: Tensor): Tensor {
    return this.inner.forward(features).mul(this.#scale);
  }
}

function headOf(head: Module, { nanAt, scale }: Training): TrainerOptions['head'] {
  if (scale !== undefined) return new Scaled(head, scale);
  if (nanAt === undefined) return head;
  let passes = 0;
  return {
    forward: (features: Tensor) => head.forward(features).mul(passes++ === nanAt ? Number.NaN : 1),
    namedParameters: () => head.namedParameters(),
  };
}

const doubles = new Map<string, string>();

function doubleOf(method: string): string {
  const name = doubles.get(method) ?? doubleMethod(method);
  doubles.set(method, name);
  return name;
}

/** How well neighbours tell the class of images, and how far features that all processes shared are from this one's own of the rest. */
const evaluating = (encoder: Module) => async (): Promise<Figures> => {
  const dataset = tinyDataset(25);
  const options = { evaluation: presets.evaluation({ size: 12, mean: 0.4, std: 0.25 }) };
  const shared = await extractFeatures(encoder, dataset, { ...options, distributed: true });
  const own = await extractFeatures(encoder, dataset, options);
  const { accuracy } = await knnClassify(shared, shared, { k: 3, distributed: true });
  using apart = tidy(() => shared.features.sub(own.features).abs().amax([0, 1]));
  return { accuracy, apart: await apart.item() };
};

async function judge(encoder: Module): Promise<number[]> {
  const augment = presets.evaluation({ size: 12, mean: 0.4, std: 0.25 });
  const set = await extractFeatures(encoder, tinyDataset(25), { evaluation: augment, distributed: true });
  const { accuracy, confidences } = await knnClassify(set, set, { k: 9, temperature: 1, distributed: true });
  set.features.dispose();
  return [accuracy, ...confidences];
}

async function numbersOf(tensors: Iterable<Tensor>): Promise<number[]> {
  const numbers: number[] = [];
  for (const value of tensors) for (const number of await value.data()) numbers.push(Number(number));
  return numbers;
}

const monitorsOf = (encoder: Module): Monitor[] => [
  ...[onlineKnn({ k: 3, rows: 30 }), onlineProbe(), featureRank({ rows: 30 }), featureSpread()],
  evaluating(encoder),
];

/** For the rest of the process. */
function slowDown(seconds: number): void {
  const { create } = RunFolder;
  const { saveCheckpoint, setBest } = RunFolder.prototype;
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  RunFolder.create = (...given) => pause().then(() => create(...given));
  RunFolder.prototype.saveCheckpoint = function (...given) {
    return pause().then(() => saveCheckpoint.apply(this, given));
  };
  RunFolder.prototype.setBest = function (...given) {
    return pause().then(() => setBest.apply(this, given));
  };
}

export async function train(ofAll: Training): Promise<Trained> {
  const training = { ...ofAll, ...ofAll.ofRanks?.[Number(process.env.RANK ?? 0)] };
  const {
    count: _,
    damaged: __,
    nanAt: ___,
    ofRanks: ____,
    scale: _____,
    isWatched,
    isJudged,
    pause,
    slowDisk,
    method = 'simclr',
    weightSeed,
    isDouble,
    isSmall,
    fit,
    fault,
    ...options
  } = training;
  const models = isSmall ? smallDoubleModels : isDouble ? doubleModels : tinyModels;
  const { encoder, head } = models(weightSeed);
  const isFirstStart = (process.env.TORCHELASTIC_RESTART_COUNT ?? '0') === '0';
  const events: TrainEvent[] = [];
  const stop = new AbortController();
  const onEvent = (event: TrainEvent): void => {
    events.push(event);
    if (isFirstStart && fault && event.kind === 'step' && event.step === fault.step) faults[fault.does](stop);
  };
  const sleep = (): Promise<undefined> => new Promise((resolve) => setTimeout(resolve, (pause ?? 0) * 1000, undefined));
  if (slowDisk !== undefined) slowDown(slowDisk);
  let error: Trained['error'];
  try {
    await new Trainer({
      ...{ encoder, head: headOf(head, training), augment: tinyViews(), batchSize: 16, epochs: 2 },
      method: isDouble ? { name: doubleOf(method as string) } : method,
      optimizer: { name: 'sgd', lr: 0.001, momentum: 0.9 },
      ...options,
    }).fit(datasetOf(training), {
      ...(isWatched && { monitors: monitorsOf(encoder), monitorEvery: 2 }),
      ...fit,
      ...(pause !== undefined && { monitors: [sleep] }),
      signal: stop.signal,
      onEvent,
    });
  } catch (caught) {
    const { code, message } = caught as Error & { code?: string };
    error = { code: code ?? 'none', message };
  }
  const parts = [encoder, head];
  const weights = await numbersOf(parts.flatMap((part) => [...part.stateDict().values()]));
  const ofLastStep = () => parts.flatMap((part) => part.parameters().flatMap(({ grad }) => grad ?? []));
  const gradients = isJudged ? await numbersOf(ofLastStep()) : [];
  const knn = isJudged ? await judge(encoder) : [];
  const digest = createHash('sha256').update(Float64Array.from(weights)).digest('hex');
  return { events, ...(error && { error }), ...{ weights, gradients, knn, digest } };
}
