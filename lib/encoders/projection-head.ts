/** The head between an encoder's features and the contrastive loss; dropped after pre-training. */
import { ReLU } from '../nn/activations.ts';
import { Sequential } from '../nn/containers.ts';
import { Linear } from '../nn/linear.ts';
import type { Module, ModuleConfig } from '../nn/module.ts';
import { BatchNorm1d } from '../nn/normalization.ts';
import { Generator } from '../tensor/generator.ts';
import { tidy } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, expectBoolean, expectNumber, expectOneOf } from '../validate.ts';
import { checkFeatures } from './inputs.ts';

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

/** Linear layers of these sizes with ReLU between them, each with batch normalisation in the place of its bias if asked. */
function layersOf(sizes: readonly number[], isNormalized: boolean, generator: Generator): Module[] {
  return sizes
    .slice(1)
    .flatMap((out, i) => [
      ...(i > 0 ? [new ReLU()] : []),
      new Linear(sizes[i] as number, out, { bias: !isNormalized, generator }),
      ...(isNormalized ? [new BatchNorm1d(out)] : []),
    ]);
}

/** Linear layers, ReLU and batch normalisation in order. Made by `projectionHead()`. */
export class ProjectionHead extends Sequential {
  override readonly config: ModuleConfig;
  /** Length of the vectors that forward() returns. */
  readonly featureDim: number;
  readonly inFeatures: number;
  readonly normalize: boolean;

  /** @throws {OptionError} an unknown or wrong option. */
  constructor(options: ProjectionHeadOptions) {
    checkOptions('projectionHead', options, known);
    const inFeatures = expectNumber('inFeatures', options?.inFeatures, size);
    const kind = expectOneOf('kind', options.kind ?? 'mlp', ['linear', 'mlp', 'mlp-bn']);
    const hiddenFeatures = expectNumber('hiddenFeatures', options.hiddenFeatures ?? inFeatures, size);
    const outFeatures = expectNumber('outFeatures', options.outFeatures ?? 128, size);
    const normalize = expectBoolean('normalize', options.normalize ?? false);
    const seed = expectNumber('seed', options.seed ?? 0, { min: 0, integer: true });
    const hidden = { linear: [], mlp: [hiddenFeatures], 'mlp-bn': [hiddenFeatures, hiddenFeatures] }[kind];
    super(layersOf([inFeatures, ...hidden, outFeatures], kind === 'mlp-bn', new Generator(seed)));
    this.config = Object.freeze({
      ...{ name: 'projection-head', kind, inFeatures, hiddenFeatures, outFeatures, normalize, seed },
    });
    this.featureDim = outFeatures;
    this.inFeatures = inFeatures;
    this.normalize = normalize;
  }

  override get isPure(): boolean {
    return this.constructor === ProjectionHead;
  }

  /**
   * @param x float32 (batch, inFeatures); under `autocast` in a lower precision.
   * @returns (batch, featureDim)
   * @throws {ShapeError} x of another shape; {DTypeError} x of another dtype.
   */
  override forward(x: Tensor): Tensor {
    checkFeatures(x, this.inFeatures, (this[0] as Linear).weight);
    return tidy(() => {
      const y = super.forward(x);
      return this.normalize ? y.div(y.norm(2, [1], true).clamp(1e-12)) : y;
    });
  }
}

/**
 * A projection head: (batch, inFeatures) → (batch, outFeatures). Parameter names are those of the same layers in an
 * nn.Sequential ('0.weight', '2.weight'); linear layers start as PyTorch's.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * const head = projectionHead({ inFeatures: encoder.featureDim });
 */
export function projectionHead(options: ProjectionHeadOptions): ProjectionHead {
  return new ProjectionHead(options);
}
