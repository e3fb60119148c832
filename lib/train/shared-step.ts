/** What a training step does besides where several processes compute it together. */
import { shortDigest } from '../distributed/code-signature.ts';
import { fromRankZero, toRankZero } from '../distributed/group.ts';
import type { Ranks } from '../distributed/ranks.ts';
import { DistributedError } from '../errors.ts';
import type { LossValue } from '../losses/all.ts';
import type { Method, Targets } from '../methods/method.ts';
import type { Compiled } from '../tensor/compile.ts';
import * as internal from '../tensor/internal-ops.ts';
import { noGrad } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { TrainBatch } from './batches.ts';
import type { ResolvedOptions } from './options.ts';
import { reportOf, type StepResult } from './report.ts';
import { trainedParameters } from './trained.ts';

/**
 * Every rank encodes its own rows, sees the features of all of them, and computes the loss of the whole batch: so any loss and any
 * method is the same as in one process. Its gradient in a rank's own features is exact; of the parameters of encoder and head, each rank
 * has the part that its rows make, and the sum is sent around while the backward pass still runs. What a method adds is computed
 * behind the gathering, alike in every rank.
 */
export class SharedStep {
  readonly ranks: Ranks;
  readonly #summed: readonly Tensor[];
  readonly #averaged: readonly Tensor[];
  #isCompared = false;

  constructor(ranks: Ranks, options: ResolvedOptions, method: Method) {
    this.ranks = ranks;
    const all = [...trainedParameters(options, method)];
    const isAveraged = ([name]: readonly [string, Tensor]): boolean => !ranks.gather || name.startsWith('method.');
    this.#averaged = all.filter(isAveraged).map(([, value]) => value);
    this.#summed = all.filter((entry) => !isAveraged(entry)).map(([, value]) => value);
  }

  /** Of this rank's samples: those of the whole batch. */
  targets<T extends Pick<Targets, 'labels' | 'ids'>>(own: T): T {
    return { ...own, labels: own.labels && this.ranks.whole(own.labels), ids: this.ranks.whole(own.ids) };
  }

  /** As reportOf(): where losses are of a rank's own rows, means over the ranks, and all anchors. */
  report(value: LossValue, metrics: Tensor | undefined): Tensor {
    if (this.ranks.gather) return reportOf(value, metrics);
    const validAnchors = value.validAnchors?.mul(this.ranks.worldSize);
    const own = reportOf({ loss: value.loss, ...(validAnchors && { validAnchors }) }, metrics);
    return noGrad(() => ops.allReduce_(own, { op: 'mean' }));
  }

  /** @param stop int64 (1): not 0 where this rank wants to stop; then where any does. @returns the worst status of all ranks. */
  agree(status: Tensor, stop: Tensor): Tensor {
    return internal.agree_(status, stop);
  }

  /**
   * Once, behind the first call of what ranks record of a step. @throws {DistributedError} one computes otherwise than rank 0: other code, or
   * options of modules that no name shows. Without a recording, the digests at the start are all that is compared.
   */
  async expectSame(compiled: Pick<Compiled<never, unknown>, 'recordings'> | undefined): Promise<void> {
    if (this.#isCompared) return;
    this.#isCompared = true;
    const lines = (compiled?.recordings()[0]?.lines ?? []).map((line) => line.replace(/cuda:\d+/g, 'cuda'));
    const texts = await toRankZero(lines.map((line) => shortDigest(line)).join());
    const difference = await fromRankZero(() => differenceOf(lines, texts));
    if (difference !== null) throw new DistributedError(difference);
  }

  /** The backward pass, at the end of which the gradients are those of the whole batch. */
  backward(loss: Tensor, status: Tensor): Tensor {
    return internal.reducedBackward_(loss, status, this.#summed, this.#averaged);
  }

  /** The same where the gradients of this rank are there already. */
  reduce(status: Tensor): Tensor {
    return internal.reduceGradients_(status, this.#summed, this.#averaged);
  }
}

/** Which rank computes otherwise than rank 0. @param texts of each rank, the digests of its lines. */
function differenceOf(lines: readonly string[], texts: readonly string[]): string | null {
  const rank = texts.findIndex((text) => text !== texts[0]);
  if (rank === -1) return null;
  const [own, other] = [texts[0], texts[rank]].map((text) => (text ?? '').split(',')) as [string[], string[]];
  const first = own.findIndex((digest, i) => digest !== other[i]);
  const place = first === -1 ? own.length : first;
  return `rank ${rank} computes otherwise than rank 0: operation ${place + 1} of a step is another one, in rank 0 ${lines[place] ?? 'none'}`;
}

/** In the place of a label that is not there. */
const unknownLabel = -1;

/** The labels of a rank's samples for monitors, which look at them whatever the method does: int32 (batch), the same shape in every rank. */
export const labelsToSee = ({ labels, ids }: Pick<TrainBatch, 'labels' | 'ids'>): Tensor =>
  tensor(labels ?? new Int32Array(ids.length).fill(unknownLabel));

/** What all ranks of a step have in common. */
export interface Together extends Pick<Targets, 'labels' | 'ids'> {
  /** int64 (1): whether one of them wants to stop. */
  readonly stop?: Tensor;
}

/** As numbers; labels where every sample has one. The tensors are disposed. */
export async function readTogether({
  labels,
  ids,
  stop,
}: Together): Promise<Required<Pick<StepResult, 'targets' | 'isStopped'>>> {
  try {
    const [allIds, stopped, allLabels] = await Promise.all([ids.ownData(), stop?.ownData(), labels?.ownData()]);
    const known = allLabels as Int32Array | undefined;
    const targets = { ids: allIds as BigInt64Array, labels: known?.includes(unknownLabel) ? undefined : known };
    return { targets, isStopped: stopped !== undefined && Number(stopped[0]) !== 0 };
  } finally {
    for (const value of [labels, ids, stop]) value?.dispose();
  }
}

/** Whether a rank wants to stop, as a step takes it. */
export const stopOf = (signal: AbortSignal | undefined): Tensor => tensor([signal?.aborted ? 1n : 0n]);
