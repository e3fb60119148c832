/** The head between an encoder's features and the contrastive loss; dropped after pre-training. */
import { GELU, ReLU } from '../nn/activations.ts';
import { Sequential } from '../nn/containers.ts';
import { Linear, size } from '../nn/linear.ts';
import type { Module, ModuleConfig } from '../nn/module.ts';
import { BatchNorm1d } from '../nn/normalization.ts';
import { seedOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { Generator } from '../tensor/generator.ts';
import { tidy } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkFeatures } from './inputs.ts';

export const projectionHeadOptions = {
  /** The encoder's `featureDim`. */
  inFeatures: { ...size, required: true },
  /** Linear layers, with an activation between them. Default 2: SimCLR, SupContrast, MoCo v2. 1: a linear head. */
  layers: { type: 'number', min: 1, max: 8, integer: true, default: 2, help: 'linear layers of the head' },
  /** Of the layers but the last. Default inFeatures. */
  hiddenFeatures: size,
  /** Default 128. */
  outFeatures: { ...size, default: 128, help: 'length of the vectors that are compared' },
  /**
   * Which layers are followed by batch normalisation, in the place of their bias: 'none' (default); 'hidden', all but the last
   * (BYOL, SwAV, Barlow Twins, VICReg); 'all' (SimCLR v2, arXiv:2006.10029, with three layers; the last normalisation keeps
   * a bias here, as PyTorch's BatchNorm1d does); 'all-but-scale', the last one without weight and bias (SimSiam, MoCo v3).
   */
  batchNorm: { type: 'string', choices: ['none', 'hidden', 'all', 'all-but-scale'], default: 'none' },
  /** Default 'relu'; 'gelu' in DINO. */
  activation: { type: 'string', choices: ['relu', 'gelu'], default: 'relu' },
  /** L2-normalises the output. Default false: the losses do it. */
  normalize: { type: 'boolean', default: false },
  /** Of the initial weights, default 0. */
  seed: seedOption,
} as const satisfies OptionTable;

export type ProjectionHeadOptions = OptionsOf<typeof projectionHeadOptions>;
type Resolved = ResolvedOf<typeof projectionHeadOptions> & { readonly hiddenFeatures: number };

/** @throws {OptionError} an unknown or wrong option. */
function resolve(options: ProjectionHeadOptions): Resolved {
  const resolved = resolveOptions('projectionHead', projectionHeadOptions, options ?? {});
  return { ...resolved, hiddenFeatures: resolved.hiddenFeatures ?? resolved.inFeatures };
}

function layersOf({ layers, inFeatures, hiddenFeatures, outFeatures, batchNorm, ...options }: Resolved): Module[] {
  const generator = new Generator(options.seed);
  const hidden = new Array<number>(layers - 1).fill(hiddenFeatures);
  const sizes = [inFeatures, ...hidden, outFeatures];
  const parts: Module[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const isLast = layer + 1 === layers;
    const isNormalized = batchNorm !== 'none' && !(isLast && batchNorm === 'hidden');
    const out = sizes[layer + 1] as number;
    parts.push(new Linear(sizes[layer] as number, out, { bias: !isNormalized, generator }));
    if (isNormalized) parts.push(new BatchNorm1d(out, { affine: !(isLast && batchNorm === 'all-but-scale') }));
    if (!isLast) parts.push(options.activation === 'gelu' ? new GELU() : new ReLU());
  }
  return parts;
}

/** The matrices of a head that decide its memory, by their names, without the memory of one. */
export function projectionHeadShapes(options: ProjectionHeadOptions): Map<string, readonly number[]> {
  const { layers, inFeatures, hiddenFeatures, outFeatures, batchNorm } = resolve(options);
  const apart = batchNorm === 'none' ? 2 : 3; // modules of a layer
  const rows = (layer: number): number => (layer + 1 === layers ? outFeatures : hiddenFeatures);
  return new Map(
    Array.from({ length: layers }, (_, layer) => [
      `${apart * layer}.weight`,
      [rows(layer), layer === 0 ? inFeatures : hiddenFeatures],
    ]),
  );
}

/** Linear layers, activations and batch normalisation in order. Made by `projectionHead()`. */
export class ProjectionHead extends Sequential {
  override readonly config: ModuleConfig;
  /** Length of the vectors that forward() returns. */
  readonly featureDim: number;
  readonly inFeatures: number;
  readonly normalize: boolean;

  /** @throws {OptionError} an unknown or wrong option. */
  constructor(options: ProjectionHeadOptions) {
    const resolved = resolve(options);
    super(layersOf(resolved));
    this.config = Object.freeze({ name: 'projection-head', ...resolved });
    this.featureDim = resolved.outFeatures;
    this.inFeatures = resolved.inFeatures;
    this.normalize = resolved.normalize;
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
