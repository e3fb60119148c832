/** What several processes that train together have to agree on before the first step. */
import { createHash } from 'node:crypto';
import type { Dataset } from '../data/dataset.ts';
import { expectAsRankZero } from '../distributed/alike.ts';
import { fromRankZero, isDistributed, joinLaunched } from '../distributed/group.ts';
import { Ranks } from '../distributed/ranks.ts';
import { Module } from '../nn/module.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import type { DType, Tensor } from '../tensor/tensor.ts';
import type { RunWriter, Trained } from './checkpointing.ts';
import { exactMarkOf } from './dataset-mark.ts';
import type { ResolvedFit } from './fit-options.ts';
import { loadState, modulesOf, stateOf } from './module-state.ts';
import type { CheckedOptions } from './options.ts';
import { trainedParameters } from './trained.ts';

/** Joins the processes that a launcher has started, if it has. @returns undefined where this one is alone. */
export async function joinRanks(
  options: Pick<CheckedOptions, 'device' | 'gather' | 'syncBatchNorm'>,
): Promise<Ranks | undefined> {
  await joinLaunched(options.device);
  return isDistributed() ? new Ranks(options) : undefined;
}

/** @throws {DistributedError} this process trains with other options, on other data or with other batches than rank 0. */
export async function expectAlike(trained: Trained, dataset: Dataset, fit: ResolvedFit): Promise<void> {
  await expectAsRankZero('trains', await whatDecides(trained, dataset, fit));
}

/** What decides a training, and what its processes send each other, by name. */
async function whatDecides(
  { options, sampler, method, stepsPerEpoch }: Trained,
  dataset: Dataset,
  { monitors, monitorEvery, monitorStart }: ResolvedFit,
): Promise<Record<string, unknown>> {
  const { encoder, head, optimizer, schedule, augment, batchSize, microBatch, accumulate, ema } = options;
  const { epochs, seed, metrics, gather, syncBatchNorm } = options;
  const batches = createHash('sha256');
  for (const batch of await sampler.batches(0)) batches.update(batch);
  return {
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
    samples: await exactMarkOf(dataset),
    batches: batches.digest('hex').slice(0, 16),
    ...{
      monitorEvery,
      monitorStart,
      monitors: monitors.length,
      'monitors of features': monitors.filter((each) => typeof each !== 'function').length,
    },
  };
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
