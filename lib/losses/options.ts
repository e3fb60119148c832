/** The options that the contrastive losses share, declared. */
import { DTypeError, OptionError } from '../errors.ts';
import { temperatureRange } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { asGiven } from '../options/resolve.ts';
import { Tensor } from '../tensor/tensor.ts';
import { describe, expectNumber } from '../validate.ts';
import type { LabelSets, Labels, SampleIds } from './labels.ts';

export function expectTensor(name: string, value: Tensor): Tensor {
  if (value instanceof Tensor) return value;
  throw new DTypeError(`${name} must be a Tensor, got ${describe(value)}`);
}

/** Other packages take the two views as two arguments. @throws {OptionError} a tensor in the place of options. */
export function expectNoSecondView(where: string, options: object): void {
  if (options instanceof Tensor)
    throw new OptionError(
      `${where}: options must be a plain object, got a Tensor; two views go as ops.stack([z0, z1], 1)`,
    );
}

/** Options of every contrastive loss that are plain data, for a trainer's `loss: { name }`. */
export const lossOptions = {
  /** τ > 0, unitless; default 0.1. A number, or how it changes over a training. */
  temperature: {
    ...{ type: 'ramp', default: 0.1, ...temperatureRange, value: 'T' },
    help: 'τ, by which similarities are divided',
  },
  /** Multiplies the loss; default 1. */
  lossScale: { type: 'number', default: 1, value: 'X', help: 'multiplies the loss' },
  /** L2-normalise the features and those of the bank inside; default true. */
  normalize: { type: 'boolean', default: true, help: 'L2-normalise the features, and those of the bank' },
} as const satisfies OptionTable;

export const hardNegatives = {
  type: 'group',
  help: 'negatives weigh by how near they are',
  options: {
    /** β ≥ 0: a negative n weighs exp(β s_in), with the similarity s over τ as in the authors' code; default 1. */
    concentration: {
      ...{ type: 'number', default: 1, min: 0, value: 'BETA', flag: 'hardNegatives' },
      help: 'a negative weighs exp(β · similarity / τ)',
    },
    /** τ⁺ in [0, 1): the part of the negatives that is of the anchor's class after all; default 0. */
    classPrior: {
      ...{ type: 'number', default: 0, min: 0, max: 1 - Number.EPSILON / 2, value: 'SHARE', flag: 'classPrior' },
      help: "part of the negatives that is of the anchor's class after all",
    },
  },
} as const satisfies OptionTable[string];

/** Negatives weighted by how near they are to the anchor. */
export interface HardNegatives extends OptionsOf<typeof hardNegatives.options> {}

const bankOptions = {
  /** floating (bank, dim), as the batch's normalised inside unless `normalize: false`. */
  features: { type: 'checked', required: true, check: expectTensor },
  /** (bank). They go together with `ids` of the batch. */
  ids: { type: 'checked', check: asGiven<SampleIds> },
} as const satisfies OptionTable;

const labelledBankOptions = {
  ...bankOptions,
  /** (bank), −1 for one of no class; or (bank, classes) where the batch has label sets. */
  labels: { type: 'checked', check: asGiven<Labels | LabelSets> },
} as const satisfies OptionTable;

/**
 * Features that anchors are compared with but that are no anchors and get no gradient: a queue (He et al. 2020, MoCo,
 * arXiv:1911.05722, sec. 3.2). One with the id of a sample in the batch is another view of it, with its labels or its
 * row of the mask; any other is a positive where its label equals, else a negative.
 */
export interface FeatureBank extends OptionsOf<typeof labelledBankOptions> {}

/** What the functions take beside: tensors, and what is of one batch. */
export const batchOptions = {
  /** τ > 0, unitless; default 0.1. A tensor of one element gets a gradient when it requires one. */
  temperature: {
    ...{ type: 'checked', default: lossOptions.temperature.default, value: 'number > 0, Tensor' },
    check: (name: string, value: number | Tensor) =>
      value instanceof Tensor ? value : expectNumber(name, value, lossOptions.temperature),
    help: `${lossOptions.temperature.help}; a tensor may have a gradient`,
  },
  /** More candidates: positives and negatives from earlier batches. */
  bank: { type: 'group', options: bankOptions, help: 'features of earlier batches to compare with' },
  /** Which samples the batch shows: samples of equal id are one, and a feature of the bank with its id is one more view. */
  ids: { type: 'checked', check: asGiven<SampleIds>, value: 'integers', help: 'which samples the batch shows' },
  /**
   * 'all' (default): every view is an anchor, against all others; 'queries': view 0 of two, the query, against view 1 of
   * its own sample, the key, and the bank (He et al. 2020, arXiv:1911.05722, eq. 1).
   */
  anchors: {
    ...{ type: 'string', choices: ['all', 'queries'], default: 'all' },
    help: "every view; or of two views the first, a query, against its own sample's second, its key, and the bank",
  },
  /** Rows of a block of similarities, which bounds memory and not the result; default: from the CPU's cache, or the GPU's memory. */
  block: {
    type: 'number',
    min: 1,
    integer: true,
    help: 'rows of similarities at once',
    usual: 'as the cache allows',
  },
} as const satisfies OptionTable;

/** What every contrastive loss takes. */
export const contrastiveOptions = { ...lossOptions, ...batchOptions } as const satisfies OptionTable;
export interface ContrastiveLossOptions extends OptionsOf<typeof contrastiveOptions> {}

/** The bank of a loss that knows labels. */
export const labelledBank = {
  ...batchOptions.bank,
  options: labelledBankOptions,
} as const satisfies OptionTable[string];
