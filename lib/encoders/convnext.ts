/**
 * ConvNeXt without the classifier: images in, normalised averages of the channels out.
 * Source: Liu et al. 2022, arXiv:2201.03545, in torchvision's form.
 */
import { GELU } from '../nn/activations.ts';
import { Sequential } from '../nn/containers.ts';
import { Conv2d, type Conv2dOptions } from '../nn/conv2d.ts';
import { constant, truncNormal, zeros } from '../nn/init.ts';
import { Linear } from '../nn/linear.ts';
import { Module, type ModuleConfig } from '../nn/module.ts';
import { LayerNorm, LayerNorm2d } from '../nn/normalization.ts';
import { Parameter } from '../nn/parameter.ts';
import { Flatten } from '../nn/pooling.ts';
import { StochasticDepth } from '../nn/stochastic-depth.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { Generator } from '../tensor/generator.ts';
import { tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkImages } from './inputs.ts';
import { commonOptions, patchOption, stochasticDepthOption, widthOption } from './network-options.ts';
import { registerEncoder } from './registry.ts';
import { shapesOf } from './shapes.ts';

const declared = {
  /** Side in pixels of the patches that the first convolution takes; its stride. Default 4; less for small images. */
  patch: { ...patchOption, default: 4, help: 'side of the patches that its first convolution takes' },
  /** Channels of the first stage; each of the three later ones doubles them. Default 96, torchvision's. */
  width: { ...widthOption, default: 96, help: 'channels of the first stage; each later stage doubles them' },
  /**
   * Share of the samples that the last block leaves out in training; 0 for the first, linear between. Default 0.1 for T, 0.4
   * for S, as torchvision's.
   */
  stochasticDepth: stochasticDepthOption,
  ...commonOptions,
} as const satisfies OptionTable;

export type ConvNeXtOptions = OptionsOf<typeof declared>;

/** Truncated normal, of deviation 0.02. */
const weightsOf = (generator: Generator) => ({
  generator,
  init: (weight: Parameter) => truncNormal(weight, { std: 0.02, generator }),
});

function conv(inChannels: number, channels: number, kernel: number, generator: Generator, options: Conv2dOptions) {
  const layer = new Conv2d(inChannels, channels, kernel, { ...options, ...weightsOf(generator) });
  zeros(layer.bias as Parameter);
  return layer;
}

function linear(inFeatures: number, outFeatures: number, generator: Generator): Linear {
  const layer = new Linear(inFeatures, outFeatures, weightsOf(generator));
  zeros(layer.bias as Parameter);
  return layer;
}

/** Puts the dimensions of a tensor into another order. */
class Permute extends Module {
  readonly dims: readonly number[];

  constructor(dims: readonly number[]) {
    super();
    this.dims = dims;
  }

  override forward(x: Tensor): Tensor {
    return x.permute(this.dims);
  }
}

/** A 7×7 convolution of each channel, then a perceptron of each pixel, beside a shortcut. */
class Block extends Module {
  readonly block: Sequential;
  /** (channels, 1, 1) */
  readonly layerScale: Parameter;
  readonly stochasticDepth: StochasticDepth;

  constructor(channels: number, stochasticDepth: number, generator: Generator) {
    super();
    this.block = new Sequential([
      conv(channels, channels, 7, generator, { padding: 3, groups: channels }),
      new Permute([0, 2, 3, 1]),
      new LayerNorm(channels, { eps: 1e-6 }),
      linear(channels, 4 * channels, generator),
      new GELU(),
      linear(4 * channels, channels, generator),
      new Permute([0, 3, 1, 2]),
    ]);
    this.layerScale = new Parameter(ops.empty([channels, 1, 1]));
    constant(this.layerScale, 1e-6);
    this.stochasticDepth = new StochasticDepth(stochasticDepth);
  }

  override forward(x: Tensor): Tensor {
    const y = this.block.forward(x).mul(this.layerScale);
    return x.add(this.stochasticDepth.forward(y));
  }
}

const networks = {
  'convnext-t': { blocks: [3, 3, 9, 3], stochasticDepth: 0.1 },
  'convnext-s': { blocks: [3, 3, 27, 3], stochasticDepth: 0.4 },
} as const;

type Name = keyof typeof networks;

/** With the default that goes with the name. */
const optionsOf = (name: Name) =>
  ({ ...declared, stochasticDepth: { ...stochasticDepthOption, default: networks[name].stochasticDepth } }) as const;

/** A ConvNeXt. Made by `convnextT()` and its like. */
export class ConvNeXt extends Module {
  override readonly config: ModuleConfig;
  /** Length of the vectors that forward() returns. */
  readonly featureDim: number;
  readonly inChannels: number;
  readonly features: Sequential;
  /** The normalisation that torchvision counts to the classifier. */
  readonly classifier: Sequential;

  /** @throws {OptionError} an unknown or wrong option. */
  constructor(name: Name, options: ConvNeXtOptions = {}) {
    super();
    const { blocks } = networks[name];
    const { patch, width, inChannels, stochasticDepth, seed } = resolveOptions(name, optionsOf(name), options);
    this.config = Object.freeze({ name, patch, width, inChannels, stochasticDepth, seed });
    this.featureDim = 8 * width;
    this.inChannels = inChannels;

    const generator = new Generator(seed);
    const last = blocks.reduce<number>((sum, count) => sum + count, -1);
    let before = 0;
    const stage = (count: number, channels: number): Sequential => {
      const made = Array.from(
        { length: count },
        (_, i) => new Block(channels, (stochasticDepth * (before + i)) / last, generator),
      );
      before += count;
      return new Sequential(made);
    };
    this.features = new Sequential(
      blocks.flatMap((count, i) => {
        const channels = width * 2 ** i;
        const norm = (size: number) => new LayerNorm2d(size, { eps: 1e-6 });
        const reduce =
          i === 0
            ? [conv(inChannels, channels, patch, generator, { stride: patch }), norm(channels)]
            : [norm(channels / 2), conv(channels / 2, channels, 2, generator, { stride: 2 })];
        return [new Sequential(reduce), stage(count, channels)];
      }),
    );
    this.classifier = new Sequential([new LayerNorm2d(this.featureDim, { eps: 1e-6 }), new Flatten()]);
  }

  override get isPure(): boolean {
    return this.constructor === ConvNeXt;
  }

  /**
   * @param x float32 (batch, inChannels, height, width), sides of at least 8 · patch; under `autocast` in a lower precision.
   * @returns (batch, featureDim)
   * @throws {ShapeError} x of another shape; {DTypeError} x of another dtype.
   */
  override forward(x: Tensor): Tensor {
    checkImages(x, this.inChannels, ((this.features[0] as Sequential)[0] as Conv2d).weight);
    return tidy(() => {
      const y = this.features.forward(x.contiguous({ memoryFormat: 'channels_last' }));
      return this.classifier.forward(y.mean([2, 3], true));
    });
  }
}

/**
 * ConvNeXt-T: (batch, inChannels, height, width) → (batch, 8 · width).
 *
 * Parameter names are torchvision's convnext_tiny, with the normalisation `classifier.0` and without the layer
 * `classifier.2`: its weights load here, and ours load there. They start as torchvision's do.
 * Source: Liu et al. 2022, arXiv:2201.03545.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * const encoder = convnextT({ patch: 2 });
 * const features = encoder.forward(images); // (batch, 768)
 */
export function convnextT(options: ConvNeXtOptions = {}): ConvNeXt {
  return new ConvNeXt('convnext-t', options);
}

/** ConvNeXt-S: 27 blocks in the third stage in place of 9; torchvision's convnext_small. As convnextT. */
export function convnextS(options: ConvNeXtOptions = {}): ConvNeXt {
  return new ConvNeXt('convnext-s', options);
}

for (const name of Object.keys(networks) as Name[])
  registerEncoder(name, (options) => new ConvNeXt(name, options), {
    options: optionsOf(name),
    classifier: 'classifier.2',
    forImages: (size) => ({ patch: size <= 64 ? 2 : 4 }),
    shapes: (options) => {
      const { width, patch, inChannels } = resolveOptions(name, declared, options);
      return shapesOf((extents) => new ConvNeXt(name, { ...options, ...extents }), {
        ...{ width: { value: width }, patch: { value: patch }, inChannels: { value: inChannels } },
      });
    },
  });
