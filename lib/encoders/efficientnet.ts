/**
 * EfficientNet-B0 without the classifier: images in, globally averaged features out.
 * Source: Tan & Le 2019, arXiv:1905.11946, table 1, in torchvision's form.
 */
import { Sequential } from '../nn/containers.ts';
import { Module, type ModuleConfig } from '../nn/module.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { Generator } from '../tensor/generator.ts';
import { tidy } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkImages } from './inputs.ts';
import { ConvNorm, InvertedResidual } from './inverted-residual.ts';
import { commonOptions, stemFor, stemOption, stochasticDepthOption } from './network-options.ts';
import { registerEncoder } from './registry.ts';

const declared = {
  /** 'imagenet' (default): the first convolution has stride 2. 'cifar': stride 1, for images of about 32 pixels. */
  stem: stemOption,
  /**
   * Share of the samples that a block behind the last would leave out in training; 0 for the first, linear between. Default
   * 0.2, torchvision's.
   */
  stochasticDepth: { ...stochasticDepthOption, default: 0.2 },
  ...commonOptions,
} as const satisfies OptionTable;

export type EfficientNetOptions = OptionsOf<typeof declared>;

const name = 'efficientnet-b0';

/** Of each stage: expansion of the channels, kernel, stride of its first block, channels behind, blocks. */
const stages = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
] as const;

const first = 32;
const last = 1280;
const depth = stages.reduce((sum, [, , , , count]) => sum + count, 0);

/** An EfficientNet. Made by `efficientnetB0()`. */
export class EfficientNet extends Module {
  override readonly config: ModuleConfig;
  /** Length of the vectors that forward() returns. */
  readonly featureDim = last;
  readonly inChannels: number;
  readonly features: Sequential;

  /** @throws {OptionError} an unknown or wrong option. */
  constructor(options: EfficientNetOptions = {}) {
    super();
    const { stem, inChannels, stochasticDepth, seed } = resolveOptions(name, declared, options);
    this.config = Object.freeze({ name, stem, inChannels, stochasticDepth, seed });
    this.inChannels = inChannels;

    const generator = new Generator(seed);
    const stride = stem === 'imagenet' ? 2 : 1;
    const parts: Module[] = [new ConvNorm(inChannels, first, { kernel: 3, stride, activation: 'silu', generator })];
    let before: number = first;
    let place = 0;
    for (const [expansion, kernel, stride, channels, count] of stages) {
      const made: Module[] = [];
      for (let i = 0; i < count; i++) {
        made.push(
          new InvertedResidual({
            ...{ inChannels: before, expandedChannels: before * expansion, channels, kernel },
            stride: i === 0 ? stride : 1,
            activation: 'silu',
            squeezedChannels: before / 4,
            stochasticDepth: (stochasticDepth * place++) / depth,
            generator,
          }),
        );
        before = channels;
      }
      parts.push(new Sequential(made));
    }
    parts.push(new ConvNorm(before, last, { kernel: 1, activation: 'silu', generator }));
    this.features = new Sequential(parts);
  }

  override get isPure(): boolean {
    return this.constructor === EfficientNet;
  }

  /**
   * @param x float32 (batch, inChannels, height, width); under `autocast` in a lower precision.
   * @returns (batch, featureDim)
   * @throws {ShapeError} x of another shape; {DTypeError} x of another dtype.
   */
  override forward(x: Tensor): Tensor {
    checkImages(x, this.inChannels, (this.features[0] as ConvNorm).weight);
    return tidy(() => this.features.forward(x.contiguous({ memoryFormat: 'channels_last' })).mean([2, 3]));
  }
}

/**
 * EfficientNet-B0: (batch, inChannels, height, width) → (batch, 1280).
 *
 * Parameter and buffer names are torchvision's efficientnet_b0, without `classifier`: its weights load here, and ours load
 * there. Convolutions start Kaiming-normal (fan-out), normalisation at 1 and 0.
 * Source: Tan & Le 2019, arXiv:1905.11946, in torchvision's form.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * const encoder = efficientnetB0({ stem: 'cifar' });
 * const features = encoder.forward(images); // (batch, 1280)
 */
export function efficientnetB0(options: EfficientNetOptions = {}): EfficientNet {
  return new EfficientNet(options);
}

registerEncoder(name, (options) => new EfficientNet(options), {
  options: declared,
  forImages: stemFor,
  classifier: 'classifier.1',
});
