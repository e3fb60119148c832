/** The losses that a trainer knows by name, as plain data; and the user's own, as functions. */
import { OptionError } from '../errors.ts';
import { type HardNegatives, hardNegativeNumbers } from '../losses/options.ts';
import { type Denominators, denominatorNames } from '../losses/sup-con.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectBoolean, expectNumber, expectOneOf } from '../validate.ts';
import { type CrossEntropyLossSpec, checkCrossEntropy, crossEntropy } from './cross-entropy.ts';
import { checkRamp, type Ramp, rampAt } from './ramp.ts';

interface CommonLossSpec {
  /** τ, default 0.1; or how it changes. */
  readonly temperature?: number | Ramp;
  /** Default 1. */
  readonly lossScale?: number;
  /** L2-normalise the features inside. Default true. */
  readonly normalize?: boolean;
}

export interface SupConLossSpec extends CommonLossSpec {
  readonly name: 'supcon';
  /** Default 'out' (Khosla et al. 2020, eq. 2); 'in' is eq. 3. */
  readonly variant?: 'out' | 'in';
  /** Default 'all'. */
  readonly denominators?: Denominators;
  /** Default 'all'. */
  readonly anchors?: 'all' | 'first';
  /** Default 'ignore'. */
  readonly noPositives?: 'ignore' | 'zero' | 'error';
  /** Default: all. */
  readonly maxPositives?: number;
  /** Default: none. */
  readonly hardNegatives?: HardNegatives;
}

export interface NtXentLossSpec extends CommonLossSpec {
  readonly name: 'nt-xent';
  /** Default: none. */
  readonly hardNegatives?: HardNegatives;
}

export interface DclLossSpec extends CommonLossSpec {
  readonly name: 'dcl';
}

export interface DclwLossSpec extends CommonLossSpec {
  readonly name: 'dclw';
  /** Default 0.5. */
  readonly sigma?: number;
  /** Default false. */
  readonly weightGradient?: boolean;
}

/** The options mean what they mean to supConLoss, ntXentLoss, dclLoss and dclwLoss. */
export type ContrastiveLossSpec = SupConLossSpec | NtXentLossSpec | DclLossSpec | DclwLossSpec;

/** What a trainer knows by name: the contrastive losses, and a classifier's. */
export type LossSpec = ContrastiveLossSpec | CrossEntropyLossSpec;

/** Keys of earlier batches, for `bank` of the losses. */
export interface KeyBank {
  /** float32 (keys, dim), rows of length one, without a gradient. */
  readonly features: Tensor;
  /** int64 (keys), when every sample has one. */
  readonly labels?: Tensor;
  /** int64 (keys) */
  readonly ids: Tensor;
}

/** What a loss of your own may look at beside the features. */
export interface CustomLossBatch {
  /** int32 (batch), when every sample has one. */
  readonly labels: Tensor | undefined;
  /** int64 (batch): which samples they are; the trainer always gives them. */
  readonly ids?: Tensor | undefined;
  /** With `momentumEncoder`: what its queue holds, until the update of this step; undefined while it is empty. */
  readonly bank?: KeyBank | undefined;
}

/**
 * A loss of your own: features float32 (batch, views, dim) with gradient. With `momentumEncoder` there are two views: the
 * query, and its key without a gradient. Returns a scalar tensor.
 */
export type CustomLoss = (features: Tensor, batch: CustomLossBatch) => Tensor;

/** What a loss may look at beside the features of a batch. */
export interface LossBatch {
  /** int32 (batch), when every sample has one. */
  readonly labels: Tensor | undefined;
  /** int64 (batch): which samples they are, where the trainer knows. */
  readonly ids: Tensor | undefined;
  /** The views are a query and its key, of a momentum encoder. */
  readonly hasKeys?: boolean;
  /** With keys: those of earlier batches. The native step fills it in by itself. */
  readonly bank?: KeyBank | undefined;
  /** Part of the training that lies behind, in [0, 1]: step / total steps. */
  readonly progress: number;
}

/** A named loss as the native step takes it: the operation, and its arguments behind the features. */
export interface NativeLoss {
  readonly operation: string;
  readonly usesLabels: boolean;
  arguments(batch: LossBatch): readonly unknown[];
}

const common = ['name', 'temperature', 'lossScale', 'normalize'] as const;
const optionNames: Readonly<Record<LossSpec['name'], readonly string[]>> = {
  supcon: [...common, 'variant', 'denominators', 'anchors', 'noPositives', 'maxPositives', 'hardNegatives'],
  'nt-xent': [...common, 'hardNegatives'],
  dcl: common,
  dclw: [...common, 'sigma', 'weightGradient'],
  'cross-entropy': ['name', 'labelSmoothing'],
};

/** Checks a specification; fills nothing in. @throws {OptionError} */
export function checkLoss(spec: LossSpec): LossSpec {
  if (spec === null || typeof spec !== 'object')
    throw new OptionError(`loss must be { name, … } or a function, got ${describe(spec)}`);
  expectOneOf('loss.name', spec.name, Object.keys(optionNames));
  checkOptions('loss', spec, optionNames[spec.name]);
  if (spec.name === 'cross-entropy') return checkCrossEntropy(spec);
  if (spec.temperature !== undefined) checkRamp('loss.temperature', spec.temperature, { above: 0 });
  if (spec.lossScale !== undefined) expectNumber('loss.lossScale', spec.lossScale, {});
  if (spec.normalize !== undefined) expectBoolean('loss.normalize', spec.normalize);
  if (spec.name === 'dclw' && spec.sigma !== undefined) expectNumber('loss.sigma', spec.sigma, { above: 0 });
  if (spec.name === 'dclw' && spec.weightGradient !== undefined)
    expectBoolean('loss.weightGradient', spec.weightGradient);
  if (spec.name === 'nt-xent') hardNegativeNumbers(spec.hardNegatives, 'loss.hardNegatives');
  if (spec.name === 'supcon') checkSupCon(spec);
  return spec;
}

function checkSupCon(spec: SupConLossSpec): void {
  if (spec.variant !== undefined) expectOneOf('loss.variant', spec.variant, ['out', 'in']);
  if (spec.denominators !== undefined) expectOneOf('loss.denominators', spec.denominators, denominatorNames);
  if (spec.anchors !== undefined) expectOneOf('loss.anchors', spec.anchors, ['all', 'first']);
  if (spec.noPositives !== undefined) expectOneOf('loss.noPositives', spec.noPositives, ['ignore', 'zero', 'error']);
  if (spec.maxPositives !== undefined) expectNumber('loss.maxPositives', spec.maxPositives, { min: 1, integer: true });
  hardNegativeNumbers(spec.hardNegatives, 'loss.hardNegatives');
}

/** The native operation of a specification; argument orders are those of native/losses. */
export function nativeLoss(spec: LossSpec): NativeLoss {
  if (spec.name === 'cross-entropy') return crossEntropy(spec);
  const { lossScale, normalize } = spec;
  const numbers = [lossScale, normalize];
  const temperature = ({ progress }: LossBatch) =>
    spec.temperature === undefined ? undefined : rampAt(spec.temperature, progress);
  const anchors = ({ hasKeys }: LossBatch) => (hasKeys ? 'queries' : undefined);
  // Behind the features: ids, bank, bank's ids, learned temperature.
  const selfSupervised = ({ ids }: LossBatch) => [undefined, ids?.handle, undefined, undefined, undefined];
  switch (spec.name) {
    case 'dcl':
      return {
        operation: 'dcl_loss',
        usesLabels: false,
        arguments: (batch) => [...selfSupervised(batch), temperature(batch), anchors(batch), ...numbers],
      };
    case 'dclw':
      return {
        operation: 'dclw_loss',
        usesLabels: false,
        arguments: (batch) => [
          ...selfSupervised(batch),
          temperature(batch),
          anchors(batch),
          spec.sigma,
          ...numbers,
          spec.weightGradient,
        ],
      };
    case 'nt-xent': {
      const { concentration, classPrior } = hardNegativeNumbers(spec.hardNegatives);
      return {
        operation: 'nt_xent_loss',
        usesLabels: false,
        arguments: (batch) => [
          ...selfSupervised(batch),
          ...[temperature(batch), anchors(batch), concentration, classPrior],
          ...numbers,
        ],
      };
    }
    case 'supcon':
      return { operation: 'sup_con_loss', usesLabels: true, arguments: supConArguments(spec, temperature, numbers) };
  }
}

function supConArguments(
  spec: SupConLossSpec,
  temperature: (batch: LossBatch) => number | undefined,
  numbers: readonly unknown[],
): NativeLoss['arguments'] {
  const { variant, denominators, anchors, noPositives, maxPositives } = spec;
  const { concentration, classPrior } = hardNegativeNumbers(spec.hardNegatives);
  return (batch) => [
    undefined,
    batch.labels?.handle,
    undefined, // mask
    batch.ids?.handle,
    undefined, // bank, its labels and ids
    undefined,
    undefined,
    undefined, // learned temperature
    temperature(batch),
    variant,
    denominators,
    batch.hasKeys ? 'queries' : anchors,
    noPositives,
    maxPositives,
    undefined, // seed: batches are shuffled, and so is the choice of positives
    concentration,
    classPrior,
    ...numbers,
  ];
}
