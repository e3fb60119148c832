/** The classifier on top of an encoder. */
import { normal, zeros } from '../nn/init.ts';
import { Linear, size } from '../nn/linear.ts';
import type { ModuleConfig } from '../nn/module.ts';
import { seedOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { Generator } from '../tensor/generator.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkFeatures } from './inputs.ts';

export const headInitOption = { type: 'string', choices: ['zeros', 'normal', 'uniform'], default: 'zeros' } as const;

const declared = {
  /** The encoder's `featureDim`. */
  inFeatures: { ...size, required: true },
  /** Classes. */
  outFeatures: { ...size, required: true },
  /**
   * 'zeros' (default): all 0. 'normal': weights of deviation 0.01, bias 0, as google-research/simclr. 'uniform': as
   * PyTorch's nn.Linear.
   */
  init: headInitOption,
  /** Of the initial weights, default 0. */
  seed: seedOption,
} as const satisfies OptionTable;

export interface LinearHeadOptions extends OptionsOf<typeof declared> {}

/** A linear layer that checks what it takes. Made by `linearHead()`. */
export class LinearHead extends Linear {
  override readonly config: ModuleConfig;
  /** Length of the vectors that forward() returns. */
  readonly featureDim: number;

  /** @throws {OptionError} an unknown or wrong option. */
  constructor(options: LinearHeadOptions) {
    const { inFeatures, outFeatures, init, seed } = resolveOptions('linearHead', declared, options ?? {});
    const generator = new Generator(seed);
    super(inFeatures, outFeatures, {
      generator,
      ...(init === 'zeros' && { init: zeros }),
      ...(init === 'normal' && { init: (weight) => normal(weight, 0, 0.01, { generator }) }),
    });
    if (init !== 'uniform' && this.bias !== null) zeros(this.bias);
    this.config = Object.freeze({ name: 'linear', inFeatures, outFeatures, init, seed });
    this.featureDim = outFeatures;
  }

  override get isPure(): boolean {
    return this.constructor === LinearHead;
  }

  /** @throws {ShapeError} x is not (batch, inFeatures); {DTypeError} x of another dtype. */
  override forward(x: Tensor): Tensor {
    checkFeatures(x, this.inFeatures, this.weight);
    return super.forward(x);
  }
}

/**
 * One linear layer: (batch, inFeatures) → (batch, outFeatures), logits. Its parameters are 'weight' (outFeatures,
 * inFeatures) and 'bias' (outFeatures), as in torchvision's `fc`.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * const head = linearHead({ inFeatures: encoder.featureDim, outFeatures: 10 });
 */
export function linearHead(options: LinearHeadOptions): LinearHead {
  return new LinearHead(options);
}
