/** A training of a second, whose options, and faults, are plain data: a process is given them by its command line. */
import { createHash } from 'node:crypto';
import { rank } from '../../lib/distributed/group.ts';
import type { Encoder } from '../../lib/encoders/registry.ts';
import { BatchNorm1d, BatchNorm2d } from '../../lib/nn/normalization.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import type { TrainEvent } from '../../lib/train/events.ts';
import type { FitOptions } from '../../lib/train/fit-options.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { tinyDataset, tinyModels, tinyViews } from '../train/tiny.ts';

export interface Training extends Partial<TrainerOptions> {
  /** Samples of the data set. */
  readonly count?: number;
  readonly fit?: FitOptions;
  /** What a rank does when a step is done. */
  readonly fault?: { readonly rank: number; readonly step: number; readonly does: keyof typeof faults };
  /** Of a rank: the sample that cannot be read. */
  readonly damaged?: { readonly rank: number; readonly sample: number };
  /** Of a rank: the call of its head that makes a NaN. */
  readonly nan?: { readonly rank: number; readonly call: number };
  /** Of the initial weights, for each rank. */
  readonly seeds?: readonly number[];
  /** Whether batch normalisation goes by its running statistics. */
  readonly isFrozen?: boolean;
}

export interface Trained {
  readonly events: readonly TrainEvent[];
  readonly error?: { readonly code: string; readonly message: string };
  /** Weights and running statistics of encoder and head. */
  readonly weights: readonly number[];
  /** Of their bits. */
  readonly digest: string;
}

const faults = {
  kill: () => process.kill(process.pid, 'SIGKILL'),
  stop: () => process.kill(process.pid, 'SIGSTOP'),
  exit: () => process.exit(3),
  abort: (stop: AbortController) => stop.abort(),
  throw: () => {
    throw new Error('the listener is out of ink');
  },
} as const;

function datasetOf({ count = 48, damaged }: Training) {
  const dataset = tinyDataset(count);
  if (damaged?.rank !== rankOfLauncher()) return dataset;
  const get = (index: number) => {
    if (index === damaged.sample) throw new Error('the disk is scratched');
    return dataset.get(index);
  };
  return { name: dataset.name, length: dataset.length, get };
}

const rankOfLauncher = (): number => Number(process.env.RANK ?? 0);

function headOf(head: Encoder, { nan }: Training): TrainerOptions['head'] {
  if (nan === undefined) return head;
  let calls = 0;
  return {
    forward: (features: Tensor) => {
      const out = head.forward(features);
      return calls++ === nan.call && rank() === nan.rank ? out.mul(Number.NaN) : out;
    },
    namedParameters: () => head.namedParameters(),
  };
}

export async function train(training: Training): Promise<Trained> {
  const { count: _, damaged: __, nan: ___, seeds, isFrozen, fit, fault, ...options } = training;
  const { encoder, head } = tinyModels(seeds?.[rankOfLauncher()]);
  if (isFrozen)
    for (const part of [...encoder.namedModules().values(), ...head.namedModules().values()])
      if (part instanceof BatchNorm1d || part instanceof BatchNorm2d) part.eval();
  const events: TrainEvent[] = [];
  const stop = new AbortController();
  const onEvent = (event: TrainEvent): void => {
    events.push(event);
    const isDue = fault?.rank === rankOfLauncher() && event.kind === 'step' && event.step === fault.step;
    if (fault && isDue) faults[fault.does](stop);
  };
  let error: Trained['error'];
  try {
    await new Trainer({
      ...{ encoder, head: headOf(head, training), augment: tinyViews(), batchSize: 16, epochs: 2, method: 'simclr' },
      optimizer: { name: 'sgd', lr: 0.001, momentum: 0.9 },
      ...options,
    }).fit(datasetOf(training), { ...fit, signal: stop.signal, onEvent });
  } catch (caught) {
    const { code, message } = caught as Error & { code?: string };
    error = { code: code ?? 'none', message };
  }
  const hash = createHash('sha256');
  const weights: number[] = [];
  for (const part of [encoder, head])
    for (const value of part.stateDict().values()) {
      const data = await value.ownData();
      hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      for (const number of data) weights.push(Number(number));
    }
  return { events, ...(error && { error }), weights, digest: hash.digest('hex') };
}
