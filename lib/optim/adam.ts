import { OptionError } from '../errors.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import * as internal from '../tensor/internal-ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { describe, expectNumber } from '../validate.ts';
import { commonOptions, Optimizer, type UpdateInputs } from './base.ts';
import type { Parameters } from './parameters.ts';

function checkBetas(name: string, betas: readonly [number, number]): readonly [number, number] {
  if (!Array.isArray(betas) || betas.length !== 2)
    throw new OptionError(`${name} must be an array of two numbers, got ${describe(betas)}`);
  const decay = (i: 0 | 1) => expectNumber(`${name}[${i}]`, betas[i], { min: 0, max: 1 - Number.EPSILON / 2 });
  return [decay(0), decay(1)];
}

export const adamOptions = {
  ...commonOptions,
  /** Learning rate ≥ 0, default 0.001 as PyTorch. */
  lr: { type: 'number', default: 1e-3, min: 0, help: commonOptions.lr.help },
  /** Decay of the running mean and of the running square, each in [0, 1). Default [0.9, 0.999]. */
  betas: { type: 'checked', check: checkBetas, default: [0.9, 0.999] },
  /** Added to the denominator, default 1e-8. */
  eps: { type: 'number', default: 1e-8, min: 0 },
  /** L2 penalty added to the gradient, or how it changes over a training; default 0. */
  weightDecay: { type: 'ramp', default: 0, min: 0, help: 'L2 penalty' },
  /** No weight decay for parameters of one dimension: biases and normalisation scales. Default false, as PyTorch. */
  excludeBiasAndNorm: { type: 'boolean', default: false, help: 'no weight decay for biases and normalisation' },
} as const satisfies OptionTable;

export const adamWOptions = {
  ...adamOptions,
  /** Decoupled weight decay: of the weights, not in the gradient; or how it changes over a training. Default 0.01. */
  weightDecay: { type: 'ramp', default: 0.01, min: 0, help: 'decoupled weight decay' },
} as const satisfies OptionTable;

export interface AdamOptions extends OptionsOf<typeof adamOptions> {}
export interface AdamWOptions extends OptionsOf<typeof adamWOptions> {}

abstract class AdamRule extends Optimizer {
  readonly #options: Readonly<Record<'beta1' | 'beta2' | 'epsilon', number>> & { readonly decoupledDecay: boolean };

  protected constructor(parameters: Parameters, options: ResolvedOf<typeof adamOptions>, decoupledDecay: boolean) {
    super(parameters, options, [{ name: 'exp_avg' }, { name: 'exp_avg_sq' }, { name: 'step', isScalar: true }]);
    const [beta1, beta2] = options.betas;
    this.#options = { beta1, beta2, epsilon: options.eps, decoupledDecay };
  }

  protected override update({ parameters, state, learningRate, shared }: UpdateInputs): Tensor {
    return internal.adam_(parameters, state, learningRate, { ...shared, ...this.#options });
  }
}

/**
 * Adam as torch.optim.Adam, without amsgrad: its weight decay is an L2 penalty, which is scaled as the gradient is.
 * Source: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.
 * @throws {OptionError} an unknown or wrong option, or no parameters.
 */
export class Adam extends AdamRule {
  constructor(parameters: Parameters, options: AdamOptions = {}) {
    super(parameters, resolveOptions('Adam', adamOptions, options), false);
  }
}

/**
 * AdamW as torch.optim.AdamW, without amsgrad.
 * Source: Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2.
 * @throws {OptionError} an unknown or wrong option, or no parameters.
 */
export class AdamW extends AdamRule {
  constructor(parameters: Parameters, options: AdamWOptions = {}) {
    super(parameters, resolveOptions('AdamW', adamWOptions, options), true);
  }
}
