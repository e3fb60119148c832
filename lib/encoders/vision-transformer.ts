/**
 * Vision transformers without the classifier: images in, the class token or the mean of the patches out.
 * Source: Dosovitskiy et al. 2021, arXiv:2010.11929, in torchvision's form: normalisation before attention and before the
 * perceptron, no dropout. The smaller two are those of Touvron et al. 2021, arXiv:2012.12877.
 */
import { ShapeError } from '../errors.ts';
import { GELU } from '../nn/activations.ts';
import { MultiheadAttention } from '../nn/attention.ts';
import { Sequential } from '../nn/containers.ts';
import { Conv2d } from '../nn/conv2d.ts';
import { Dropout } from '../nn/dropout.ts';
import { normal, truncNormal, xavierUniform, zeros } from '../nn/init.ts';
import { Linear } from '../nn/linear.ts';
import { Module, type ModuleConfig } from '../nn/module.ts';
import { LayerNorm } from '../nn/normalization.ts';
import { Parameter } from '../nn/parameter.ts';
import { positionsAt } from '../nn/position-grid.ts';
import { StochasticDepth } from '../nn/stochastic-depth.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { Generator } from '../tensor/generator.ts';
import { tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkImages } from './inputs.ts';
import { checkMultiple, commonOptions, patchOption, stochasticDepthOption, widthOption } from './network-options.ts';
import { sinCosPositions } from './positions.ts';
import { registerEncoder } from './registry.ts';
import { shapesOf } from './shapes.ts';

const declared = {
  /** Side in pixels of the images that the positions are of, a multiple of `patch`. Default 224. */
  size: { type: 'number', default: 224, min: 1, max: 4096, integer: true },
  /** Side of a patch in pixels. Default 16; about 4 for images of 32 pixels. */
  patch: { ...patchOption, default: 16, help: 'side of the patches that are its tokens' },
  /** What the features are: the class 'token' (default), or the 'mean' of the patches. */
  pooling: {
    type: 'string',
    choices: ['token', 'mean'],
    default: 'token',
    help: 'features are the class token, or the mean of the patches',
  },
  /** 'learned' (default), or the fixed two-dimensional 'sincos' of MoCo v3 (Chen et al. 2021, arXiv:2104.02057), a buffer. */
  positions: {
    type: 'string',
    choices: ['learned', 'sincos'],
    default: 'learned',
    help: 'of the patches: learned, or fixed sines and cosines',
  },
  /** Length of the tokens, and of the features; a multiple of 64, the size of a head. Default by the name. */
  width: { ...widthOption, help: 'length of its tokens, a multiple of 64' },
  /** Share of the samples that the last block leaves out in training; 0 for the first, linear between. Default 0. */
  stochasticDepth: { ...stochasticDepthOption, default: 0 },
  ...commonOptions,
} as const satisfies OptionTable;

export type VisionTransformerOptions = OptionsOf<typeof declared>;

/** Of one attention head. */
const headWidth = 64;

/** Two linear layers with GELU between them. torchvision's has dropout behind each, and so names them '0' and '3'. */
function perceptron(width: number, generator: Generator): Sequential {
  const linear = (from: number, to: number): Linear => {
    const layer = new Linear(from, to, { generator, init: (weight) => xavierUniform(weight, { generator }) });
    normal(layer.bias as Parameter, 0, 1e-6, { generator });
    return layer;
  };
  return new Sequential([linear(width, 4 * width), new GELU(), new Dropout(0), linear(4 * width, width)]);
}

/** Attention between the tokens, then a perceptron for each; both beside a shortcut. */
class Block extends Module {
  readonly ln_1: LayerNorm;
  readonly selfAttention: MultiheadAttention;
  readonly ln_2: LayerNorm;
  readonly mlp: Sequential;
  readonly stochasticDepth: StochasticDepth;

  constructor(width: number, stochasticDepth: number, generator: Generator) {
    super();
    this.ln_1 = new LayerNorm(width, { eps: 1e-6 });
    this.selfAttention = new MultiheadAttention(width, width / headWidth, { batchFirst: true, generator });
    this.ln_2 = new LayerNorm(width, { eps: 1e-6 });
    this.mlp = perceptron(width, generator);
    this.stochasticDepth = new StochasticDepth(stochasticDepth);
  }

  override forward(x: Tensor): Tensor {
    const y = x.add(this.stochasticDepth.forward(this.selfAttention.forward(this.ln_1.forward(x))));
    return y.add(this.stochasticDepth.forward(this.mlp.forward(this.ln_2.forward(y))));
  }
}

/** Blocks in order, under torchvision's names: 'encoder_layer_0', … */
class Blocks extends Module {
  constructor(blocks: readonly Block[]) {
    super();
    Object.assign(this, Object.fromEntries(blocks.map((block, i) => [`encoder_layer_${i}`, block])));
  }

  override forward(x: Tensor): Tensor {
    return (Object.values(this) as Block[]).reduce((y, block) => block.forward(y), x);
  }
}

/** Positions, blocks and the last normalisation. */
class TransformerEncoder extends Module {
  /** (1, 1 + patches, width): of the class token, then of the patches row by row. */
  readonly posEmbedding: Tensor;
  readonly layers: Blocks;
  readonly ln: LayerNorm;

  constructor(positions: Tensor, layers: Blocks, width: number) {
    super();
    this.posEmbedding = positions instanceof Parameter ? positions : this.registerBuffer('pos_embedding', positions);
    this.layers = layers;
    this.ln = new LayerNorm(width, { eps: 1e-6 });
  }

  /** @param x (batch, 1 + rows · columns, width), the class token first. */
  override forward(x: Tensor, rows: number, columns: number): Tensor {
    return this.ln.forward(this.layers.forward(x.add(positionsAt(this.posEmbedding, rows, columns))));
  }
}

const depth = 12;
const widths = { 'vit-ti-16': 192, 'vit-s-16': 384, 'vit-b-16': 768 } as const;

type Name = keyof typeof widths;

/** A vision transformer. Made by `vitS16()` and its like. */
export class VisionTransformer extends Module {
  override readonly config: ModuleConfig;
  /** Length of the vectors that forward() returns. */
  readonly featureDim: number;
  readonly inChannels: number;
  readonly patch: number;
  readonly pooling: 'token' | 'mean';
  /** (1, 1, width) */
  readonly classToken: Parameter;
  readonly convProj: Conv2d;
  readonly encoder: TransformerEncoder;

  /** @throws {OptionError} an unknown or wrong option. @throws {ShapeError} patches that do not tile the image. */
  constructor(name: Name, options: VisionTransformerOptions = {}) {
    super();
    const resolved = resolveOptions(name, declared, options);
    const { size, patch, pooling, positions, inChannels, stochasticDepth, seed } = resolved;
    const width = checkMultiple(resolved.width ?? widths[name], headWidth);
    this.config = Object.freeze({
      ...{ name, size, patch, pooling, positions, width, inChannels, stochasticDepth, seed },
    });
    this.featureDim = width;
    this.inChannels = inChannels;
    this.patch = patch;
    this.pooling = pooling;
    const [side] = this.gridOf(size, size);

    const generator = new Generator(seed);
    this.classToken = new Parameter(ops.zeros([1, 1, width]));
    this.convProj = new Conv2d(inChannels, width, patch, {
      stride: patch,
      init: (weight) => truncNormal(weight, { std: 1 / Math.sqrt(inChannels * patch ** 2), generator }),
      generator,
    });
    zeros(this.convProj.bias as Parameter);
    const embedding =
      positions === 'sincos' ? sinCosPositions(side, width) : new Parameter(ops.empty([1, 1 + side ** 2, width]));
    if (positions === 'learned') normal(embedding, 0, 0.02, { generator });
    const blocks = Array.from(
      { length: depth },
      (_, i) => new Block(width, (stochasticDepth * i) / (depth - 1), generator),
    );
    this.encoder = new TransformerEncoder(embedding, new Blocks(blocks), width);
  }

  override get isPure(): boolean {
    return this.constructor === VisionTransformer;
  }

  /** Patches of an image, by rows and columns. */
  private gridOf(height: number, width: number): [rows: number, columns: number] {
    const { patch } = this;
    if (height % patch !== 0 || width % patch !== 0)
      throw new ShapeError(
        `images must have sides that are multiples of the patch, ${patch}, got [${height}, ${width}]`,
      );
    return [height / patch, width / patch];
  }

  /**
   * @param x float32 (batch, inChannels, height, width), both sides multiples of `patch`; under `autocast` in a lower
   * precision. For another size than `size`, the positions are interpolated.
   * @returns (batch, featureDim)
   * @throws {ShapeError} x of another shape; {DTypeError} x of another dtype.
   */
  override forward(x: Tensor): Tensor {
    checkImages(x, this.inChannels, this.convProj.weight);
    const [batch, , height, width] = x.shape as [number, number, number, number];
    const [rows, columns] = this.gridOf(height, width);
    return tidy(() => {
      const patches = this.convProj.forward(x.contiguous({ memoryFormat: 'channels_last' }));
      const tokens = patches.flatten(2).transpose(1, 2); // (batch, rows · columns, width)
      const sequence = ops.cat([this.classToken.expand([batch, -1, -1]), tokens], 1);
      const y = this.encoder.forward(sequence, rows, columns);
      return this.pooling === 'token' ? y.select(1, 0) : y.narrow(1, 1, rows * columns).mean([1]);
    });
  }
}

/**
 * ViT-Ti/16: (batch, inChannels, height, width) → (batch, 192). 12 blocks of 3 heads.
 *
 * Parameter names are torchvision's, without `heads`: its weights load here, and ours load there. They start as
 * torchvision's do. With 'sincos', the positions are a buffer under the same name.
 * Source: Dosovitskiy et al. 2021, arXiv:2010.11929; Touvron et al. 2021, arXiv:2012.12877, table 1.
 * @throws {OptionError} an unknown or wrong option. @throws {ShapeError} a size that is no multiple of the patch.
 * @example
 * const encoder = vitTi16({ size: 32, patch: 4 });
 * const features = encoder.forward(images); // (batch, 192)
 */
export function vitTi16(options: VisionTransformerOptions = {}): VisionTransformer {
  return new VisionTransformer('vit-ti-16', options);
}

/** ViT-S/16: 6 heads, features of 384. As vitTi16. */
export function vitS16(options: VisionTransformerOptions = {}): VisionTransformer {
  return new VisionTransformer('vit-s-16', options);
}

/** ViT-B/16: 12 heads, features of 768; torchvision's vit_b_16. As vitTi16. */
export function vitB16(options: VisionTransformerOptions = {}): VisionTransformer {
  return new VisionTransformer('vit-b-16', options);
}

/** The largest patch up to 16 that cuts an image into 7 × 7 or more: 4 for 32 pixels, 8 for 64, 16 for 224. */
const patchFor = (size: number): number => [16, 8, 4, 2].find((patch) => size % patch === 0 && size / patch >= 7) ?? 1;

for (const name of Object.keys(widths) as Name[])
  registerEncoder(name, (options) => new VisionTransformer(name, options), {
    options: { ...declared, width: { ...declared.width, default: widths[name] } },
    classifier: 'heads.head',
    forImages: (size) => ({ size, patch: patchFor(size) }),
    shapes: (options) => {
      const { width = widths[name], size, patch, inChannels } = resolveOptions(name, declared, options);
      const ofOnePatch = (extents: { readonly width: number; readonly patch: number; readonly inChannels: number }) =>
        new VisionTransformer(name, { ...options, ...extents, size: extents.patch });
      const shapes = shapesOf(ofOnePatch, {
        ...{ width: { unit: headWidth, value: width }, patch: { value: patch }, inChannels: { value: inChannels } },
      });
      return new Map([...shapes, ['encoder.pos_embedding', [1, 1 + (size / patch) ** 2, width]]]);
    },
  });
