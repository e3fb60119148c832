/** The options of a momentum encoder, and what it does not go with. */
import type { Encoder } from '../encoders/registry.ts';
import { OptionError } from '../errors.ts';
import { Module } from '../nn/module.ts';
import { expectRamp, type Ramp } from '../options/ramp.ts';
import { checkOptions, expectBoolean, expectNumber, expectOneOf } from '../validate.ts';
import type { CheckedOptions } from './options.ts';

export interface MomentumEncoderOptions {
  /**
   * m in [0, 1]: the part of each key parameter that stays at a step; the rest comes from the encoder. A number, or how it
   * changes over the training: { from: 0.99, to: 1, schedule: 'cosine' }. Default 0.99.
   */
  readonly momentum?: number | Ramp;
  /** Keys that the queue holds, at least a batch. Default 4096. */
  readonly queueSize?: number;
  /**
   * What batch normalisation of the key encoder takes: 'batch' (default), the statistics of the batch's keys, as MoCo does;
   * 'average', running statistics that follow the encoder's as the parameters do, so that no key knows of its batch (Cai
   * et al. 2021, arXiv:2101.08482).
   */
  readonly statistics?: 'batch' | 'average';
  /**
   * Whether both views are queries in turn, each with the other as its key: twice the passes and the anchors, and two keys a
   * sample into the queue. Default false, as in the paper.
   */
  readonly symmetric?: boolean;
}

export type ResolvedMomentumOptions = Required<MomentumEncoderOptions>;

type Around = Omit<CheckedOptions, 'momentumEncoder' | 'precision'>;

/**
 * Fills in the defaults: those of MoCo's recipe for CIFAR (its authors' demo); ImageNet's are 0.999 and 65536.
 * @throws {OptionError} an option out of range, or beside something that it does not go with.
 */
export function checkMomentumEncoder(options: MomentumEncoderOptions, around: Around): ResolvedMomentumOptions {
  checkOptions('momentumEncoder', options, ['momentum', 'queueSize', 'statistics', 'symmetric']);
  const { momentum = 0.99, queueSize = 4096, statistics = 'batch', symmetric = false } = options;
  expectRamp('momentumEncoder.momentum', momentum, { min: 0, max: 1 });
  expectNumber('momentumEncoder.queueSize', queueSize, { min: 1, max: 2 ** 31 - 1, integer: true });
  expectOneOf('momentumEncoder.statistics', statistics, ['batch', 'average']);
  expectBoolean('momentumEncoder.symmetric', symmetric);
  refuseOthers(around);
  const resolved = { momentum, queueSize, statistics, symmetric };
  if (!around.isDefaultBatch) expectBatchOfKeys(resolved, around);
  return resolved;
}

/**
 * What is asked of the batch, whose default size follows from the data.
 * @throws {OptionError} a queue that does not hold the keys of a batch, or batches in parts.
 */
export function expectBatchOfKeys(
  { queueSize, symmetric }: ResolvedMomentumOptions,
  { batchSize, microBatch }: Pick<CheckedOptions, 'batchSize' | 'microBatch'>,
): void {
  if (microBatch < batchSize)
    throw new OptionError(
      `momentumEncoder does not go with microBatch: negatives come from the queue, whatever the batch; expected a batchSize of ${microBatch} instead, got ${batchSize}`,
    );
  const keys = symmetric ? 2 * batchSize : batchSize;
  if (queueSize < keys)
    throw new OptionError(
      `momentumEncoder.queueSize must hold a batch of keys at least: expected >= ${keys}, got ${queueSize}`,
    );
}

function refuseOthers({ encoder, head, augment, loss }: Around): void {
  if (!(encoder instanceof Module) || (head !== null && !(head instanceof Module)))
    throw new OptionError(
      'momentumEncoder needs a head that is a Module, or none: { forward, namedParameters } cannot be copied',
    );
  const { featureDim } = (head ?? encoder) as Partial<Encoder>;
  if (featureDim === undefined)
    throw new OptionError(
      'momentumEncoder needs the length of the keys: featureDim must be a field of the head, or without one of the encoder',
    );
  if (augment.length !== 2)
    throw new OptionError(
      `momentumEncoder takes two views, a query and a key: expected 2, got ${augment.length} (multi-crop views do not go with it)`,
    );
  if (typeof loss !== 'function' && loss.name === 'cross-entropy')
    throw new OptionError('momentumEncoder needs a contrastive loss: cross-entropy has no keys');
  if (typeof loss !== 'function' && loss.name === 'supcon' && loss.anchors === 'all')
    throw new OptionError(
      "loss.anchors must not be 'all' with momentumEncoder: keys have no gradient and are no anchors",
    );
}
