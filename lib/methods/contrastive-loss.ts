/** The contrastive losses by name, as plain data; and the user's own, as functions. */
import { OptionError } from '../errors.ts';
import { type HardNegatives, hardNegativeNumbers } from '../losses/options.ts';
import { type Denominators, denominatorNames } from '../losses/sup-con.ts';
import { expectRamp, type Ramp, rampAt } from '../options/ramp.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectBoolean, expectNumber, expectOneOf } from '../validate.ts';
import type { LossValue } from './method.ts';

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
  /** In `moco`: what its queue holds, until the update of this step; undefined while it is empty. */
  readonly bank?: KeyBank | undefined;
}

/**
 * A loss of your own: features float32 (batch, views, dim) with gradient. In `moco` there are two views: the query, and its
 * key without a gradient. Returns a scalar tensor.
 */
export type CustomLoss = (features: Tensor, batch: CustomLossBatch) => Tensor;

/** What a loss may look at beside the features of a batch. */
export interface LossBatch {
  /** int32 (batch), when every sample has one. */
  readonly labels: Tensor | undefined;
  /** int64 (batch): which samples they are, where the trainer knows. */
  readonly ids: Tensor | undefined;
  /** The views are a query and its key, of a teacher. */
  readonly hasKeys?: boolean;
  /** With keys: those of earlier batches. */
  readonly bank?: KeyBank | undefined;
  /** τ, float64 (), where it changes over the training. */
  readonly temperature?: Tensor | undefined;
}

/** A named loss as an operation. */
export interface NativeLoss {
  readonly usesLabels: boolean;
  /** @param features float32 (batch, views, dim) */
  readonly call: (features: Tensor, batch: LossBatch) => LossValue;
}

const common = ['name', 'temperature', 'lossScale', 'normalize'] as const;
const optionNames: Readonly<Record<ContrastiveLossSpec['name'], readonly string[]>> = {
  supcon: [...common, 'variant', 'denominators', 'anchors', 'noPositives', 'maxPositives', 'hardNegatives'],
  'nt-xent': [...common, 'hardNegatives'],
  dcl: common,
  dclw: [...common, 'sigma', 'weightGradient'],
};

/** Checks a specification; fills nothing in. @param where the messages' name for it. @throws {OptionError} */
export function checkContrastiveLoss<Spec extends ContrastiveLossSpec>(spec: Spec, where = 'loss'): Spec {
  if (spec === null || typeof spec !== 'object')
    throw new OptionError(`${where} must be { name, … } or a function, got ${describe(spec)}`);
  expectOneOf(`${where}.name`, spec.name, Object.keys(optionNames));
  checkOptions(where, spec, optionNames[spec.name]);
  if (spec.temperature !== undefined) expectRamp(`${where}.temperature`, spec.temperature, { above: 0 });
  if (spec.lossScale !== undefined) expectNumber(`${where}.lossScale`, spec.lossScale, {});
  if (spec.normalize !== undefined) expectBoolean(`${where}.normalize`, spec.normalize);
  if (spec.name === 'dclw' && spec.sigma !== undefined) expectNumber(`${where}.sigma`, spec.sigma, { above: 0 });
  if (spec.name === 'dclw' && spec.weightGradient !== undefined)
    expectBoolean(`${where}.weightGradient`, spec.weightGradient);
  if (spec.name === 'nt-xent') hardNegativeNumbers(spec.hardNegatives, `${where}.hardNegatives`);
  if (spec.name === 'supcon') checkSupCon(spec, where);
  return spec;
}

function checkSupCon(spec: SupConLossSpec, where: string): void {
  const { variant, denominators, anchors, noPositives, maxPositives } = spec;
  if (variant !== undefined) expectOneOf(`${where}.variant`, variant, ['out', 'in']);
  if (denominators !== undefined) expectOneOf(`${where}.denominators`, denominators, denominatorNames);
  if (anchors !== undefined) expectOneOf(`${where}.anchors`, anchors, ['all', 'first']);
  if (noPositives !== undefined) expectOneOf(`${where}.noPositives`, noPositives, ['ignore', 'zero', 'error']);
  if (maxPositives !== undefined) expectNumber(`${where}.maxPositives`, maxPositives, { min: 1, integer: true });
  hardNegativeNumbers(spec.hardNegatives, `${where}.hardNegatives`);
}

/** What a contrastive loss changes over a training. */
export interface TemperatureNumbers {
  /** τ; absent where it stays. */
  readonly temperature?: number;
}

/** When `progress` in [0, 1] of the training lies behind. */
export const temperatureAt = ({ temperature }: ContrastiveLossSpec, progress: number): TemperatureNumbers =>
  typeof temperature === 'object' ? { temperature: rampAt(temperature, progress) } : {};

/** An operation that takes views of one sample for its positives. */
function selfSupervised(
  operation: typeof ops.dclLoss | typeof ops.dclwLoss | typeof ops.ntXentLoss,
  options: object,
): NativeLoss {
  return {
    usesLabels: false,
    call: (features, { ids, bank, temperature, hasKeys }) => ({
      loss: operation(features, {
        ...options,
        ids,
        bank: bank?.features,
        bankIds: bank?.ids,
        learnedTemperature: temperature,
        anchors: hasKeys ? 'queries' : undefined,
      }),
    }),
  };
}

function supervised(options: object, anchors: SupConLossSpec['anchors']): NativeLoss {
  return {
    usesLabels: true,
    call: (features, { labels, ids, bank, temperature, hasKeys }) => {
      const [loss, validAnchors] = ops.supConLoss(features, {
        labels,
        ids,
        bank: bank?.features,
        bankLabels: bank?.labels,
        bankIds: bank?.ids,
        learnedTemperature: temperature,
        ...options,
        anchors: hasKeys ? 'queries' : anchors,
      });
      return { loss, validAnchors };
    },
  };
}

/** The native operation of a specification. */
export function nativeLoss(spec: ContrastiveLossSpec): NativeLoss {
  const { lossScale, normalize } = spec;
  const temperature = typeof spec.temperature === 'number' ? spec.temperature : undefined;
  const common = { temperature, lossScale, normalize };
  switch (spec.name) {
    case 'dcl':
      return selfSupervised(ops.dclLoss, common);
    case 'dclw': {
      const { sigma, weightGradient } = spec;
      return selfSupervised(ops.dclwLoss, { ...common, sigma, weightGradient });
    }
    case 'nt-xent':
      return selfSupervised(ops.ntXentLoss, { ...common, ...hardNegativeNumbers(spec.hardNegatives) });
    case 'supcon': {
      const { variant, denominators, noPositives, maxPositives, anchors } = spec;
      // No seed: batches are shuffled, and so is the choice of positives.
      const choices = { variant, denominators, noPositives, maxPositives };
      return supervised({ ...common, ...choices, ...hardNegativeNumbers(spec.hardNegatives) }, anchors);
    }
  }
}
