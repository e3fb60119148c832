/** The head between an encoder's features and the contrastive loss; dropped after pre-training. */
import { checkOptions, expectBoolean, expectNumber, expectOneOf } from '../validate.ts';
import { Module } from './module.ts';

export interface ProjectionHeadOptions {
  /**
   * 'mlp' (default): Linear – ReLU – Linear (SimCLR, SupContrast). 'linear': one linear layer. 'mlp-bn': three linear
   * layers without bias, each followed by batch normalisation, ReLU between them (SimCLR v2, arXiv:2006.10029; the last
   * normalisation keeps a bias here, as PyTorch's BatchNorm1d does).
   */
  readonly kind?: 'linear' | 'mlp' | 'mlp-bn';
  /** The encoder's `featureDim`. */
  readonly inFeatures: number;
  /** Default inFeatures. Without effect on 'linear'. */
  readonly hiddenFeatures?: number;
  /** Default 128. */
  readonly outFeatures?: number;
  /** L2-normalises the output. Default false: the losses do it. */
  readonly normalize?: boolean;
  /** Of the initial weights, default 0. */
  readonly seed?: number;
}

const known = ['kind', 'inFeatures', 'hiddenFeatures', 'outFeatures', 'normalize', 'seed'] as const;
const size = { min: 1, max: 2 ** 24, integer: true } as const;

/**
 * A projection head: (batch, inFeatures) → (batch, outFeatures). Parameter names are those of the same layers in an
 * nn.Sequential ('0.weight', '2.weight'); linear layers start as PyTorch's.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * const head = projectionHead({ inFeatures: encoder.featureDim });
 */
export function projectionHead(options: ProjectionHeadOptions): Module {
  checkOptions('projectionHead', options, known);
  const inFeatures = expectNumber('inFeatures', options?.inFeatures, size);
  return new Module({
    name: 'projection-head',
    kind: expectOneOf('kind', options.kind ?? 'mlp', ['linear', 'mlp', 'mlp-bn']),
    inFeatures,
    hiddenFeatures: expectNumber('hiddenFeatures', options.hiddenFeatures ?? inFeatures, size),
    outFeatures: expectNumber('outFeatures', options.outFeatures ?? 128, size),
    normalize: expectBoolean('normalize', options.normalize ?? false),
    seed: expectNumber('seed', options.seed ?? 0, { min: 0, integer: true }),
  });
}
