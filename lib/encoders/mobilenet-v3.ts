/**
 * MobileNetV3-Large without the classifier: images in, globally averaged features out.
 * Source: Howard et al. 2019, arXiv:1905.02244, table 1, in torchvision's form.
 */
import { Sequential } from '../nn/containers.ts';
import { Module, type ModuleConfig } from '../nn/module.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { Generator } from '../tensor/generator.ts';
import { tidy } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkImages } from './inputs.ts';
import { ConvNorm, InvertedResidual, nearestEight } from './inverted-residual.ts';
import { commonOptions, stemFor, stemOption } from './network-options.ts';
import { registerEncoder } from './registry.ts';

const declared = {
  /** 'imagenet' (default): the first convolution has stride 2. 'cifar': stride 1, for images of about 32 pixels. */
  stem: stemOption,
  ...commonOptions,
} as const satisfies OptionTable;

export type MobileNetV3Options = OptionsOf<typeof declared>;

const name = 'mobilenet-v3-large';

/** Of each block: kernel, channels inside and behind, squeeze-and-excitation, activation, stride. */
const blocks = [
  [3, 16, 16, false, 'relu', 1],
  [3, 64, 24, false, 'relu', 2],
  [3, 72, 24, false, 'relu', 1],
  [5, 72, 40, true, 'relu', 2],
  [5, 120, 40, true, 'relu', 1],
  [5, 120, 40, true, 'relu', 1],
  [3, 240, 80, false, 'hardswish', 2],
  [3, 200, 80, false, 'hardswish', 1],
  [3, 184, 80, false, 'hardswish', 1],
  [3, 184, 80, false, 'hardswish', 1],
  [3, 480, 112, true, 'hardswish', 1],
  [3, 672, 112, true, 'hardswish', 1],
  [5, 672, 160, true, 'hardswish', 2],
  [5, 960, 160, true, 'hardswish', 1],
  [5, 960, 160, true, 'hardswish', 1],
] as const;

const first = 16;
const last = 960;
const norm = { eps: 1e-3, momentum: 0.01 };

/** A MobileNetV3. Made by `mobilenetV3Large()`. */
export class MobileNetV3 extends Module {
  override readonly config: ModuleConfig;
  /** Length of the vectors that forward() returns. */
  readonly featureDim = last;
  readonly inChannels: number;
  readonly features: Sequential;

  /** @throws {OptionError} an unknown or wrong option. */
  constructor(options: MobileNetV3Options = {}) {
    super();
    const { stem, inChannels, seed } = resolveOptions(name, declared, options);
    this.config = Object.freeze({ name, stem, inChannels, seed });
    this.inChannels = inChannels;

    const common = { norm, generator: new Generator(seed) };
    const stride = stem === 'imagenet' ? 2 : 1;
    const parts: Module[] = [
      new ConvNorm(inChannels, first, { kernel: 3, stride, activation: 'hardswish', ...common }),
    ];
    let before: number = first;
    for (const [kernel, expandedChannels, channels, isSqueezed, activation, stride] of blocks) {
      const squeezedChannels = isSqueezed ? nearestEight(expandedChannels / 4) : undefined;
      parts.push(
        new InvertedResidual({
          ...{ inChannels: before, expandedChannels, channels, kernel, stride, activation, squeezedChannels },
          ...common,
        }),
      );
      before = channels;
    }
    parts.push(new ConvNorm(before, last, { kernel: 1, activation: 'hardswish', ...common }));
    this.features = new Sequential(parts);
  }

  override get isPure(): boolean {
    return this.constructor === MobileNetV3;
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
 * MobileNetV3-Large: (batch, inChannels, height, width) → (batch, 960), the averages that torchvision's classifier takes.
 *
 * Parameter and buffer names are torchvision's mobilenet_v3_large, without `classifier`: its weights load here, and ours
 * load there. Convolutions start Kaiming-normal (fan-out), normalisation at 1 and 0.
 * Source: Howard et al. 2019, arXiv:1905.02244, in torchvision's form.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * const encoder = mobilenetV3Large({ stem: 'cifar' });
 * const features = encoder.forward(images); // (batch, 960)
 */
export function mobilenetV3Large(options: MobileNetV3Options = {}): MobileNetV3 {
  return new MobileNetV3(options);
}

registerEncoder(name, (options) => new MobileNetV3(options), { options: declared, forImages: stemFor });
