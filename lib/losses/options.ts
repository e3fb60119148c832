/** The options that the contrastive losses share, checked and turned into what the native operations take. */
import { DTypeError, OptionError } from '../errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectBoolean, expectNumber, expectOneOf } from '../validate.ts';
import { type LabelSets, type Labels, labelOrSetTensor, labelTensor, type SampleIds } from './labels.ts';

/** What every contrastive loss takes. */
export interface ContrastiveLossOptions {
  /** τ > 0, unitless; default 0.1. A tensor of one element gets a gradient when it requires one. */
  readonly temperature?: number | Tensor;
  /** More candidates: positives and negatives from earlier batches. */
  readonly bank?: FeatureBank;
  /** Which samples the batch shows: samples of equal id are one, and a feature of the bank with its id is one more view. */
  readonly ids?: SampleIds;
  /**
   * 'all' (default): every view is an anchor, against all others; 'queries': view 0 of two, the query, against view 1 of
   * its own sample, the key, and the bank (He et al. 2020, arXiv:1911.05722, eq. 1).
   */
  readonly anchors?: 'all' | 'queries';
  /** Multiplies the loss; default 1. */
  readonly lossScale?: number;
  /** L2-normalise the features and those of the bank inside; default true. */
  readonly normalize?: boolean;
  /** Rows of a block of similarities, which bounds memory and not the result; default: from the CPU's cache, or the GPU's memory. */
  readonly block?: number;
}

/**
 * Features that anchors are compared with but that are no anchors and get no gradient: a queue (He et al. 2020, MoCo,
 * arXiv:1911.05722, sec. 3.2). One with the id of a sample in the batch is another view of it, with its labels or its
 * row of the mask; any other is a positive where its label equals, else a negative.
 */
export interface FeatureBank {
  /** floating (bank, dim), as the batch's normalised inside unless `normalize: false`. */
  readonly features: Tensor;
  /** (bank), −1 for one of no class; or (bank, classes) where the batch has label sets. */
  readonly labels?: Labels | LabelSets;
  /** (bank). They go together with `ids` of the batch. */
  readonly ids?: SampleIds;
}

/** Negatives weighted by how near they are to the anchor. */
export interface HardNegatives {
  /** β ≥ 0: a negative n weighs exp(β s_in), with the similarity s over τ as in the authors' code; default 1. */
  readonly concentration?: number;
  /** τ⁺ in [0, 1): the part of the negatives that is of the anchor's class after all; default 0. */
  readonly classPrior?: number;
}

export const commonNames = ['temperature', 'bank', 'ids', 'anchors', 'lossScale', 'normalize', 'block'] as const;

type CommonOptions = Omit<ContrastiveLossOptions, 'anchors'> & { readonly anchors?: string };

/**
 * The options of every contrastive loss as the native operations take them. Tensors that are made here belong to the
 * tidy() around the call.
 * @throws {OptionError} an unknown option, or a value out of range.
 * @throws {DTypeError} features that are no tensor.
 */
export function commonArguments(
  where: string,
  features: Tensor,
  options: CommonOptions,
  names: readonly string[] = commonNames,
  anchorNames: readonly string[] = ['all', 'queries'],
) {
  checkOptions(where, options, names);
  if (!(features instanceof Tensor)) throw new DTypeError(`features must be a Tensor, got ${describe(features)}`);
  const { temperature = 0.1, anchors = 'all', lossScale = 1, normalize = true, block, ids } = options;
  return {
    learnedTemperature: temperature instanceof Tensor ? temperature : undefined,
    ids: ids === undefined ? undefined : labelTensor(ids, features.device, 'ids'),
    ...bankArguments(options.bank, features.device),
    numbers: {
      temperature: temperature instanceof Tensor ? undefined : expectNumber('temperature', temperature, { above: 0 }),
      anchors: expectOneOf('anchors', anchors, anchorNames),
      lossScale: expectNumber('lossScale', lossScale),
      normalize: expectBoolean('normalize', normalize),
      block: block === undefined ? undefined : expectNumber('block', block, { min: 1, integer: true }),
    },
  };
}

function bankArguments(bank: FeatureBank | undefined, device: string) {
  if (bank === undefined) return { bank: undefined, bankLabels: undefined, bankIds: undefined };
  checkOptions('bank', bank, ['features', 'labels', 'ids']);
  const { features, labels, ids } = bank;
  if (!(features instanceof Tensor)) throw new DTypeError(`bank.features must be a Tensor, got ${describe(features)}`);
  return {
    bank: features,
    bankLabels: labels === undefined ? undefined : labelOrSetTensor(labels, device, 'bank.labels'),
    bankIds: ids === undefined ? undefined : labelTensor(ids, device, 'bank.ids'),
  };
}

/** Refuses bank.labels for a loss that takes no labels. */
export function refuseBankLabels(where: string, bank: FeatureBank | undefined): void {
  if (bank?.labels !== undefined) throw new OptionError(`${where} takes no labels, got bank.labels`);
}

/** @throws {OptionError} an unknown option, or a value out of range. */
export function hardNegativeNumbers(hard: HardNegatives | undefined, name = 'hardNegatives') {
  if (hard === undefined) return {};
  checkOptions(name, hard, ['concentration', 'classPrior']);
  const { concentration = 1, classPrior = 0 } = hard;
  return {
    concentration: expectNumber(`${name}.concentration`, concentration, { min: 0 }),
    classPrior: expectNumber(`${name}.classPrior`, classPrior, { min: 0, max: 1 - Number.EPSILON / 2 }),
  };
}
