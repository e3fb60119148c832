/** Channels that are weighed by what the whole image holds. */
import { instanceOf } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ReLU, Sigmoid } from './activations.ts';
import { Conv2d } from './conv2d.ts';
import { weightOptions } from './linear.ts';
import { Module } from './module.ts';

const { generator, init } = weightOptions;
const moduleOption = { type: 'checked', check: instanceOf<Module>(Module, 'a Module') } as const;

const declared = {
  ...{ generator, init },
  /** Between the two layers. Default ReLU. */
  activation: moduleOption,
  /** Makes the weights of the channels. Default Sigmoid. */
  scaleActivation: moduleOption,
} as const satisfies OptionTable;

export interface SqueezeExcitationOptions extends OptionsOf<typeof declared> {}

/**
 * x · σ(W₂ δ(W₁ mean(x))), where the mean is that of each channel: (batch, channels, height, width) → the same. As
 * torchvision.ops.SqueezeExcitation.
 * Source: Hu et al. 2018, arXiv:1709.01507, equations 2 to 4.
 */
export class SqueezeExcitation extends Module {
  readonly fc1: Conv2d;
  readonly fc2: Conv2d;
  readonly activation: Module;
  readonly scaleActivation: Module;

  /** @throws {OptionError} an unknown or wrong option. */
  constructor(channels: number, squeezedChannels: number, options: SqueezeExcitationOptions = {}) {
    super();
    const resolved = resolveOptions('SqueezeExcitation', declared, options);
    const { activation = new ReLU(), scaleActivation = new Sigmoid(), ...weights } = resolved;
    this.fc1 = new Conv2d(channels, squeezedChannels, 1, weights);
    this.fc2 = new Conv2d(squeezedChannels, channels, 1, weights);
    this.activation = activation;
    this.scaleActivation = scaleActivation;
  }

  override forward(x: Tensor): Tensor {
    const squeezed = this.activation.forward(this.fc1.forward(x.mean([2, 3], true)));
    return x.mul(this.scaleActivation.forward(this.fc2.forward(squeezed)));
  }
}
