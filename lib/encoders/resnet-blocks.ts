/** The blocks of residual networks. */
import { Sequential } from '../nn/containers.ts';
import { Conv2d } from '../nn/conv2d.ts';
import { kaimingNormal } from '../nn/init.ts';
import { Module } from '../nn/module.ts';
import { BatchNorm2d } from '../nn/normalization.ts';
import type { Generator } from '../tensor/generator.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A convolution without bias that keeps the size, up to its stride; Kaiming-normal in its fan-out (He et al. 2015). */
export function conv(
  inChannels: number,
  channels: number,
  kernel: number,
  stride: number,
  generator: Generator,
  groups = 1,
): Conv2d {
  return new Conv2d(inChannels, channels, kernel, {
    stride,
    padding: Math.floor(kernel / 2),
    groups,
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
export class BasicBlock extends Module {
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
    const y = this.bn1.forward(this.conv1.forward(x), { activation: 'relu' });
    return this.bn2.forward(this.conv2.forward(y), { residual, activation: 'relu' });
  }
}

/** Of the 3×3 convolution in a bottleneck. */
export interface Groups {
  readonly groups: number;
  /** Channels of a group, where the block has 64. */
  readonly widthPerGroup: number;
}

/** 1×1, 3×3 and 1×1 convolutions, with four times the channels at the end, beside a shortcut. */
export class Bottleneck extends Module {
  static readonly expansion = 4;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample: Sequential | null;

  constructor(
    inChannels: number,
    channels: number,
    stride: number,
    generator: Generator,
    { groups, widthPerGroup }: Groups,
  ) {
    super();
    const inside = groups * ((channels * widthPerGroup) / 64);
    const outChannels = channels * Bottleneck.expansion;
    this.conv1 = conv(inChannels, inside, 1, 1, generator);
    this.bn1 = new BatchNorm2d(inside);
    this.conv2 = conv(inside, inside, 3, stride, generator, groups);
    this.bn2 = new BatchNorm2d(inside);
    this.conv3 = conv(inside, outChannels, 1, 1, generator);
    this.bn3 = new BatchNorm2d(outChannels);
    this.downsample = downsample(inChannels, outChannels, stride, generator);
  }

  override forward(x: Tensor): Tensor {
    const residual = this.downsample?.forward(x) ?? x;
    const y = this.bn1.forward(this.conv1.forward(x), { activation: 'relu' });
    const z = this.bn2.forward(this.conv2.forward(y), { activation: 'relu' });
    return this.bn3.forward(this.conv3.forward(z), { residual, activation: 'relu' });
  }
}

export interface Block {
  /** Channels that a block gives, over those of its 3×3 convolution. */
  readonly expansion: number;
  new (inChannels: number, channels: number, stride: number, generator: Generator, groups: Groups): Module;
}
