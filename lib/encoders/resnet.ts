/**
 * Residual networks without the classifier: images in, globally averaged features out.
 * Source: He et al. 2016, arXiv:1512.03385, in torchvision's form: the stride sits in the 3×3 of a bottleneck. The 'cifar'
 * stem is SupContrast's and SimCLR's (arXiv:2002.05709, appendix B.9). Wide ones (Zagoruyko & Komodakis 2016,
 * arXiv:1605.07146) have more channels inside a bottleneck; ResNeXt (Xie et al. 2017, arXiv:1611.05431) has them in groups.
 */

import { Sequential } from '../nn/containers.ts';
import type { Conv2d } from '../nn/conv2d.ts';
import { zeros } from '../nn/init.ts';
import { Module, type ModuleConfig } from '../nn/module.ts';
import { BatchNorm2d } from '../nn/normalization.ts';
import type { Parameter } from '../nn/parameter.ts';
import { MaxPool2d } from '../nn/pooling.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { Generator } from '../tensor/generator.ts';
import { tidy } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkImages } from './inputs.ts';
import { checkMultiple, commonOptions, stemFor, stemOption, widthOption } from './network-options.ts';
import { registerEncoder } from './registry.ts';
import { BasicBlock, type Block, Bottleneck, conv, type Groups } from './resnet-blocks.ts';
import { shapesOf } from './shapes.ts';

const declared = {
  /**
   * 'imagenet' (default): 7×7, stride 2, then a max-pool of stride 2. 'cifar': 3×3, stride 1, no pool, for images of
   * about 32 pixels (SimCLR, appendix B.9).
   */
  stem: stemOption,
  /**
   * Channels of the first stage; each of the three later ones doubles them. Default 64, torchvision's; a multiple of 16 for
   * ResNeXt, whose groups are that narrow.
   */
  width: { ...widthOption, default: 64, help: 'channels of the first stage; each later stage doubles them' },
  /** Starts the last normalisation of each block at 0, so that it begins as the identity (Goyal et al. 2017). Default false. */
  zeroInitResidual: { type: 'boolean', default: false },
  ...commonOptions,
} as const satisfies OptionTable;

export type ResNetOptions = OptionsOf<typeof declared>;

interface Stage extends Groups {
  readonly block: Block;
  readonly count: number;
  readonly inChannels: number;
  readonly channels: number;
  /** Of its first block. */
  readonly stride: number;
}

function stage({ block, count, inChannels, channels, stride, ...groups }: Stage, generator: Generator): Sequential {
  const first = new block(inChannels, channels, stride, generator, groups);
  const others = Array.from(
    { length: count - 1 },
    () => new block(channels * block.expansion, channels, 1, generator, groups),
  );
  return new Sequential([first, ...others]);
}

const plain = { groups: 1, widthPerGroup: 64 } as const;

const networks = {
  resnet18: { block: BasicBlock, blocks: [2, 2, 2, 2], ...plain },
  resnet34: { block: BasicBlock, blocks: [3, 4, 6, 3], ...plain },
  resnet50: { block: Bottleneck, blocks: [3, 4, 6, 3], ...plain },
  resnet101: { block: Bottleneck, blocks: [3, 4, 23, 3], ...plain },
  resnet152: { block: Bottleneck, blocks: [3, 8, 36, 3], ...plain },
  'wide-resnet50-2': { block: Bottleneck, blocks: [3, 4, 6, 3], groups: 1, widthPerGroup: 128 },
  'resnext50-32x4d': { block: Bottleneck, blocks: [3, 4, 6, 3], groups: 32, widthPerGroup: 4 },
} as const;

type Name = keyof typeof networks;

/** Of which a width must be a multiple, so that a group has whole channels. */
const widthUnit = (name: Name): number => Math.max(1, 64 / networks[name].widthPerGroup);

/** A residual network. Made by `resnet18()` and its like. */
export class ResNet extends Module {
  override readonly config: ModuleConfig;
  /** Length of the vectors that forward() returns. */
  readonly featureDim: number;
  readonly inChannels: number;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly maxpool: MaxPool2d | null;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;

  /** @throws {OptionError} an unknown or wrong option. */
  constructor(name: Name, options: ResNetOptions = {}) {
    super();
    const { stem, width, inChannels, zeroInitResidual, seed } = resolveOptions(name, declared, options);
    checkMultiple(width, widthUnit(name));
    this.config = Object.freeze({ name, stem, width, inChannels, zeroInitResidual, seed });
    this.inChannels = inChannels;

    const { block, blocks, ...groups } = networks[name];
    this.featureDim = 8 * width * block.expansion;
    const generator = new Generator(seed);
    const isLarge = stem === 'imagenet';
    this.conv1 = isLarge ? conv(inChannels, width, 7, 2, generator) : conv(inChannels, width, 3, 1, generator);
    this.bn1 = new BatchNorm2d(width);
    this.maxpool = isLarge ? new MaxPool2d(3, { stride: 2, padding: 1 }) : null;
    const [one, two, three, four] = blocks;
    const wide = width * block.expansion;
    const stageOf = (count: number, inChannels: number, channels: number, stride: number): Sequential =>
      stage({ block, count, inChannels, channels, stride, ...groups }, generator);
    this.layer1 = stageOf(one, width, width, 1);
    this.layer2 = stageOf(two, wide, 2 * width, 2);
    this.layer3 = stageOf(three, 2 * wide, 4 * width, 2);
    this.layer4 = stageOf(four, 4 * wide, 8 * width, 2);
    if (zeroInitResidual)
      for (const part of this.namedModules().values()) {
        if (part instanceof BasicBlock) zeros(part.bn2.weight as Parameter);
        if (part instanceof Bottleneck) zeros(part.bn3.weight as Parameter);
      }
  }

  override get isPure(): boolean {
    return this.constructor === ResNet;
  }

  /**
   * @param x float32 (batch, inChannels, height, width); under `autocast` in a lower precision.
   * @returns (batch, featureDim)
   * @throws {ShapeError} x of another shape; {DTypeError} x of another dtype.
   */
  override forward(x: Tensor): Tensor {
    checkImages(x, this.inChannels, this.conv1.weight);
    return tidy(() => {
      let y = this.bn1.forward(this.conv1.forward(x.contiguous({ memoryFormat: 'channels_last' })), {
        activation: 'relu',
      });
      y = this.maxpool?.forward(y) ?? y;
      for (const stage of [this.layer1, this.layer2, this.layer3, this.layer4]) y = stage.forward(y);
      return y.mean([2, 3]);
    });
  }
}

/**
 * ResNet-18: (batch, inChannels, height, width) → (batch, 8 · width).
 *
 * Parameter and buffer names are torchvision's, without `fc`: its weights load here, and ours load there.
 * Convolutions start Kaiming-normal (fan-out), normalisation at 1 and 0.
 * Source: He et al. 2016, arXiv:1512.03385, in torchvision's form.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * const encoder = resnet18({ stem: 'cifar', width: 16 });
 * const features = encoder.forward(images); // (batch, 128)
 */
export function resnet18(options: ResNetOptions = {}): ResNet {
  return new ResNet('resnet18', options);
}

/** ResNet-34, features 8 · width. As resnet18. */
export function resnet34(options: ResNetOptions = {}): ResNet {
  return new ResNet('resnet34', options);
}

/** ResNet-50: bottleneck blocks with the stride in the 3×3 convolution, features 32 · width. As resnet18. */
export function resnet50(options: ResNetOptions = {}): ResNet {
  return new ResNet('resnet50', options);
}

/** ResNet-101, features 32 · width. As resnet50. */
export function resnet101(options: ResNetOptions = {}): ResNet {
  return new ResNet('resnet101', options);
}

/** ResNet-152, features 32 · width. As resnet50. */
export function resnet152(options: ResNetOptions = {}): ResNet {
  return new ResNet('resnet152', options);
}

/** Wide ResNet-50-2: twice the channels in the 3×3 convolutions of ResNet-50. As resnet50. */
export function wideResnet50_2(options: ResNetOptions = {}): ResNet {
  return new ResNet('wide-resnet50-2', options);
}

/** ResNeXt-50 32×4d: 32 groups in the 3×3 convolutions, of 4 channels in the first stage. As resnet50. */
export function resnext50_32x4d(options: ResNetOptions = {}): ResNet {
  return new ResNet('resnext50-32x4d', options);
}

for (const name of Object.keys(networks) as Name[])
  registerEncoder(name, (options) => new ResNet(name, options), {
    options: declared,
    forImages: stemFor,
    shapes: (options) => {
      const { width } = resolveOptions(name, declared, options);
      return shapesOf((extents) => new ResNet(name, { ...options, ...extents }), {
        width: { unit: widthUnit(name), value: width },
      });
    },
  });
