/**
 * Residual networks without the classifier: images in, globally averaged features out.
 * Source: He et al. 2016, arXiv:1512.03385, in torchvision's form: the stride sits in the 3×3 of a bottleneck. The 'cifar'
 * stem is SupContrast's and SimCLR's (arXiv:2002.05709, appendix B.9).
 */

import { Sequential } from '../nn/containers.ts';
import { Conv2d } from '../nn/conv2d.ts';
import { kaimingNormal, zeros } from '../nn/init.ts';
import { Module, type ModuleConfig } from '../nn/module.ts';
import { BatchNorm2d } from '../nn/normalization.ts';
import type { Parameter } from '../nn/parameter.ts';
import { MaxPool2d } from '../nn/pooling.ts';
import { Generator } from '../tensor/generator.ts';
import { tidy } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, expectBoolean, expectNumber, expectOneOf } from '../validate.ts';
import { checkImages } from './inputs.ts';
import { registerEncoder, type Shapes } from './registry.ts';

export interface ResNetOptions {
  /**
   * 'imagenet' (default): 7×7, stride 2, then a max-pool of stride 2. 'cifar': 3×3, stride 1, no pool, for images of
   * about 32 pixels (SimCLR, appendix B.9).
   */
  readonly stem?: 'imagenet' | 'cifar';
  /** Channels of the first stage; each of the three later ones doubles them. Default 64, torchvision's. */
  readonly width?: number;
  /** Default 3. */
  readonly inChannels?: number;
  /** Starts the last normalisation of each block at 0, so that it begins as the identity (Goyal et al. 2017). Default false. */
  readonly zeroInitResidual?: boolean;
  /** Of the initial weights, default 0. Equal seeds give equal weights. */
  readonly seed?: number;
}

/** A convolution without bias that keeps the size, up to its stride; Kaiming-normal in its fan-out (He et al. 2015). */
function conv(inChannels: number, channels: number, kernel: number, stride: number, generator: Generator): Conv2d {
  return new Conv2d(inChannels, channels, kernel, {
    stride,
    padding: Math.floor(kernel / 2),
    bias: false,
    init: (weight) => kaimingNormal(weight, { mode: 'fan_out', nonlinearity: 'relu', generator }),
  });
}

/** Where the shortcut of a block has another shape than its output. */
function downsample(inChannels: number, channels: number, stride: number, generator: Generator): Sequential | null {
  if (stride === 1 && inChannels === channels) return null;
  return new Sequential([conv(inChannels, channels, 1, stride, generator), new BatchNorm2d(channels)]);
}

/** Two 3×3 convolutions beside a shortcut. */
class BasicBlock extends Module {
  static readonly expansion = 1;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Sequential | null;

  constructor(inChannels: number, channels: number, stride: number, generator: Generator) {
    super();
    this.conv1 = conv(inChannels, channels, 3, stride, generator);
    this.bn1 = new BatchNorm2d(channels);
    this.conv2 = conv(channels, channels, 3, 1, generator);
    this.bn2 = new BatchNorm2d(channels);
    this.downsample = downsample(inChannels, channels, stride, generator);
  }

  override forward(x: Tensor): Tensor {
    const residual = this.downsample?.forward(x) ?? x;
    const y = this.bn1.forward(this.conv1.forward(x), { relu: true });
    return this.bn2.forward(this.conv2.forward(y), { residual, relu: true });
  }
}

/** 1×1, 3×3 and 1×1 convolutions, with four times the channels at the end, beside a shortcut. */
class Bottleneck extends Module {
  static readonly expansion = 4;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample: Sequential | null;

  constructor(inChannels: number, channels: number, stride: number, generator: Generator) {
    super();
    const outChannels = channels * Bottleneck.expansion;
    this.conv1 = conv(inChannels, channels, 1, 1, generator);
    this.bn1 = new BatchNorm2d(channels);
    this.conv2 = conv(channels, channels, 3, stride, generator);
    this.bn2 = new BatchNorm2d(channels);
    this.conv3 = conv(channels, outChannels, 1, 1, generator);
    this.bn3 = new BatchNorm2d(outChannels);
    this.downsample = downsample(inChannels, outChannels, stride, generator);
  }

  override forward(x: Tensor): Tensor {
    const residual = this.downsample?.forward(x) ?? x;
    const y = this.bn1.forward(this.conv1.forward(x), { relu: true });
    const z = this.bn2.forward(this.conv2.forward(y), { relu: true });
    return this.bn3.forward(this.conv3.forward(z), { residual, relu: true });
  }
}

interface Block {
  /** Channels that a block gives, over those of its 3×3 convolution. */
  readonly expansion: number;
  new (inChannels: number, channels: number, stride: number, generator: Generator): Module;
}

interface Stage {
  readonly block: Block;
  readonly count: number;
  readonly inChannels: number;
  readonly channels: number;
  /** Of its first block. */
  readonly stride: number;
}

function stage({ block, count, inChannels, channels, stride }: Stage, generator: Generator): Sequential {
  const first = new block(inChannels, channels, stride, generator);
  const others = Array.from({ length: count - 1 }, () => new block(channels * block.expansion, channels, 1, generator));
  return new Sequential([first, ...others]);
}

const depths = {
  resnet18: { block: BasicBlock, blocks: [2, 2, 2, 2] },
  resnet34: { block: BasicBlock, blocks: [3, 4, 6, 3] },
  resnet50: { block: Bottleneck, blocks: [3, 4, 6, 3] },
  resnet101: { block: Bottleneck, blocks: [3, 4, 23, 3] },
  resnet152: { block: Bottleneck, blocks: [3, 8, 36, 3] },
} as const;

const known = ['stem', 'width', 'inChannels', 'zeroInitResidual', 'seed'] as const;

const expectWidth = (width: unknown = 64): number => expectNumber('width', width, { min: 1, max: 4096, integer: true });

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
  constructor(name: keyof typeof depths, options: ResNetOptions = {}) {
    super();
    checkOptions(name, options, known);
    const stem = expectOneOf('stem', options.stem ?? 'imagenet', ['imagenet', 'cifar']);
    const width = expectWidth(options.width);
    const inChannels = expectNumber('inChannels', options.inChannels ?? 3, { min: 1, max: 4096, integer: true });
    const zeroInitResidual = expectBoolean('zeroInitResidual', options.zeroInitResidual ?? false);
    const seed = expectNumber('seed', options.seed ?? 0, { min: 0, integer: true });
    this.config = Object.freeze({ name, stem, width, inChannels, zeroInitResidual, seed });
    this.inChannels = inChannels;

    const { block, blocks } = depths[name];
    this.featureDim = 8 * width * block.expansion;
    const generator = new Generator(seed);
    const isLarge = stem === 'imagenet';
    this.conv1 = isLarge ? conv(inChannels, width, 7, 2, generator) : conv(inChannels, width, 3, 1, generator);
    this.bn1 = new BatchNorm2d(width);
    this.maxpool = isLarge ? new MaxPool2d(3, { stride: 2, padding: 1 }) : null;
    const [one, two, three, four] = blocks;
    const wide = width * block.expansion;
    this.layer1 = stage({ block, count: one, inChannels: width, channels: width, stride: 1 }, generator);
    this.layer2 = stage({ block, count: two, inChannels: wide, channels: 2 * width, stride: 2 }, generator);
    this.layer3 = stage({ block, count: three, inChannels: 2 * wide, channels: 4 * width, stride: 2 }, generator);
    this.layer4 = stage({ block, count: four, inChannels: 4 * wide, channels: 8 * width, stride: 2 }, generator);
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
      let y = this.bn1.forward(this.conv1.forward(x.contiguous({ memoryFormat: 'channels_last' })), { relu: true });
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

/** From the two smallest networks: every size of a ResNet's tensors is linear in its width. */
function resnetShapes(name: keyof typeof depths, options: ResNetOptions): Shapes {
  const width = expectWidth(options.width);
  using one = new ResNet(name, { ...options, width: 1 });
  using two = new ResNet(name, { ...options, width: 2 });
  const wider = two.stateDict();
  const extrapolate = (at: number, atTwo: number): number => at + (atTwo - at) * (width - 1);
  return new Map(
    [...one.stateDict()]
      .filter(([, { shape }]) => shape.length > 0) // num_batches_tracked may be missing in a file
      .map(([key, { shape }]) => [key, shape.map((size, i) => extrapolate(size, wider.get(key)?.shape[i] as number))]),
  );
}

for (const name of Object.keys(depths) as (keyof typeof depths)[])
  registerEncoder(
    name,
    (options) => new ResNet(name, options),
    (options) => resnetShapes(name, options),
  );
