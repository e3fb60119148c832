/** What several processes that train together have to agree on before the first step. */
import { createHash } from 'node:crypto';
import type { Dataset } from '../data/dataset.ts';
import { shortDigest } from '../distributed/code-signature.ts';
import { isOneOfSeveral } from '../distributed/environment.ts';
import { fromRankZero, initProcessGroup, isDistributed } from '../distributed/group.ts';
import { Ranks } from '../distributed/ranks.ts';
import { DistributedError } from '../errors.ts';
import { Module } from '../nn/module.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import type { DType, Tensor } from '../tensor/tensor.ts';
import type { RunWriter, Trained } from './checkpointing.ts';
import { markOf } from './dataset-mark.ts';
import type { ResolvedFit } from './fit-options.ts';
import { loadState, modulesOf, stateOf } from './module-state.ts';
import type { CheckedOptions } from './options.ts';
import { trainedParameters } from './trained.ts';

/** Joins the processes that a launcher has started, if it has. @returns undefined where this one is alone. */
export async function joinRanks(options: Pick<CheckedOptions, 'gather' | 'syncBatchNorm'>): Promise<Ranks | undefined> {
  if (!isDistributed() && isOneOfSeveral()) await initProcessGroup();
  return isDistributed() ? new Ranks(options) : undefined;
}

/** @throws {DistributedError} this process trains with other options, on other data or with other batches than rank 0. */
export async function expectAlike(trained: Trained, dataset: Dataset, fit: ResolvedFit, ranks: Ranks): Promise<void> {
  const here = await signatureOf(trained, dataset, fit);
  const there = await fromRankZero(() => here);
  for (const [name, value] of Object.entries(here)) {
    const [place, own, other] = difference(value, there[name] as string);
    if (own !== other)
      throw new DistributedError(
        `rank ${ranks.rank} trains otherwise than rank 0: ${name}${place} is ${own} here and ${other} there`,
      );
  }
}

/** Where two values, as JSON, differ: of lists, the first element that does. */
function difference(here: string, there: string): [place: string, here: string, there: string] {
  if (here === there || !here.startsWith('[') || !there.startsWith('[')) return ['', here, there];
  const [own, other] = [here, there].map((text) => JSON.parse(text) as readonly unknown[]) as [unknown[], unknown[]];
  const texts = (i: number): [string, string] => [asText(own[i]), asText(other[i])];
  const first = Array.from({ length: Math.max(own.length, other.length) }, (_, i) => i).find(
    (i) => texts(i)[0] !== texts(i)[1],
  ) as number;
  return [`[${first}]`, ...texts(first)];
}

/** As JSON, in which a function is its code: two that only have their name in common are different. */
const asText = (value: unknown): string =>
  String(JSON.stringify(value, (_, part) => (typeof part === 'function' ? codeOf(part) : part)));

const codeOf = (part: (...args: never) => unknown): string => `${part.name} (code ${shortDigest(String(part))})`;

/** What decides a training, and what its processes send each other, as text by name. */
async function signatureOf(
  { options, sampler, method, stepsPerEpoch }: Trained,
  dataset: Dataset,
  { monitors, monitorEvery, monitorStart }: ResolvedFit,
): Promise<Record<string, string>> {
  const { encoder, head, optimizer, schedule, augment, batchSize, microBatch, accumulate, ema } = options;
  const { epochs, seed, metrics, gather, syncBatchNorm } = options;
  const { samples } = await markOf(dataset);
  const batches = createHash('sha256');
  for (const batch of await sampler.batches(0)) batches.update(batch);
  const decides = {
    ...{ method: options.method.spec, optimizer, schedule, augment, batchSize, microBatch, accumulate, ema },
    ...{ epochs, seed, metrics, gather, syncBatchNorm, stepsPerEpoch, sampler: sampler.config },
    parameters: modulesOf({ encoder, head }).flatMap(([part, module]) =>
      [...stateOf(module)].map(([of, { shape }]) => `${part}.${of} ${shape}`),
    ),
    classes: modulesOf({ encoder, head }).flatMap(([part, module]) =>
      module instanceof Module
        ? [...module.namedModules()].map(([of, each]) => [`${part}.${of}`, each.constructor])
        : [[part, module.forward]],
    ),
    trained: [...trainedParameters(options, method).keys()],
    data: `${dataset.name} of ${dataset.length} samples`,
    samples: samples.map(({ id, label, height, width }) => [id, label, height, width]),
    batches: batches.digest('hex').slice(0, 16),
    ...{
      monitorEvery,
      monitorStart,
      monitors: monitors.length,
      'monitors of features': monitors.filter((each) => typeof each !== 'function').length,
    },
  };
  return Object.fromEntries(Object.entries(decides).map(([of, value]) => [of, asText(value)]));
}

/** Where a training begins, by what was recorded of it before. */
export interface Begun {
  readonly startStep: number;
  /** What monitors said before the first step is recorded already. */
  readonly hasStart: boolean;
  /** Of the steps of the epoch that it goes on with, and of the one before. */
  readonly losses: readonly number[];
  readonly lossesBefore: readonly number[];
  /** Of the epoch before, where that has a record. */
  readonly lossBefore: number | undefined;
}

export function begunOf(writer: RunWriter | undefined, stepsPerEpoch: number): Begun {
  const startStep = writer?.startStep ?? 0;
  const epoch = Math.floor(startStep / stepsPerEpoch);
  return {
    startStep,
    hasStart: writer?.hasStart ?? false,
    losses: writer?.lossesOf(epoch) ?? [],
    lossesBefore: startStep % stepsPerEpoch === 0 ? (writer?.lossesOf(epoch - 1) ?? []) : [],
    lossBefore: writer?.lossOfEpoch(epoch - 1),
  };
}

type State = ReadonlyMap<string, Tensor>;

/** All tensors of a training, from rank 0 into the other ranks: initial weights, or a checkpoint's. */
export async function shareState({ options, optimizer, method, average }: Trained, { rank }: Ranks): Promise<void> {
  const parts: [() => State, (state: State) => void][] = [
    ...modulesOf(options).map(([, module]): [() => State, (state: State) => void] => [
      () => stateOf(module),
      (state) => loadState(module, state),
    ]),
    [() => optimizer.stateDict(), (state) => optimizer.loadStateDict(state)],
    [() => method.stateDict(), (state) => method.loadStateDict(state)],
    ...(average
      ? [
          [() => average.stateDict(), (state: State) => average.loadStateDict(state)] as [
            () => State,
            (state: State) => void,
          ],
        ]
      : []),
  ];
  const { lossScale } = options;
  if (lossScale) lossScale.set(await fromRankZero(() => lossScale.read()));
  for (const [stateDict, load] of parts) {
    const own = rank === 0 ? stateDict() : new Map<string, Tensor>();
    const shapes = await fromRankZero(() => [...own].map(([name, { shape, dtype }]) => ({ name, shape, dtype })));
    tidy(() =>
      noGrad(() => {
        const state = new Map(
          shapes.map(({ name, shape, dtype }) => [name, own.get(name) ?? ops.zeros(shape, { dtype: dtype as DType })]),
        );
        for (const [name, value] of state) {
          const isMask = value.dtype === 'bool'; // which no collective takes
          const sent = ops.broadcast_(isMask ? value.to('uint8') : value);
          if (isMask) state.set(name, sent.to('bool'));
        }
        if (rank !== 0 && state.size > 0) load(state);
      }),
    );
  }
}
