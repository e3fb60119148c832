import { OptionError } from '../errors.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectBoolean, expectNumber } from '../validate.ts';
import { Optimizer, type Parameters, type UpdateInputs } from './base.ts';

export interface AdamWOptions {
  /** Learning rate ≥ 0. */
  readonly lr: number;
  /** Decay of the running mean and of the running square, each in [0, 1). Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the denominator, default 1e-8. */
  readonly eps?: number;
  /** Decoupled weight decay, default 0.01. */
  readonly weightDecay?: number;
  /** No weight decay for parameters of one dimension: biases and normalisation scales. Default false, as PyTorch. */
  readonly excludeBiasAndNorm?: boolean;
}

const known = ['lr', 'betas', 'eps', 'weightDecay', 'excludeBiasAndNorm'] as const;
const decay = { min: 0, max: 1 - Number.EPSILON / 2 } as const;

/**
 * AdamW as torch.optim.AdamW, without amsgrad.
 * Source: Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2.
 * @throws {OptionError} an unknown or wrong option, or no parameters.
 */
export class AdamW extends Optimizer {
  readonly #options: Readonly<Record<'beta1' | 'beta2' | 'epsilon' | 'weightDecay', number>> & {
    readonly excludeBiasAndNorm: boolean;
  };

  constructor(parameters: Parameters, options: AdamWOptions) {
    checkOptions('AdamW', options, known);
    const betas: unknown = options?.betas ?? [0.9, 0.999];
    if (!Array.isArray(betas) || betas.length !== 2)
      throw new OptionError(`betas must be an array of two numbers, got ${describe(betas)}`);
    const checked = {
      beta1: expectNumber('betas[0]', betas[0], decay),
      beta2: expectNumber('betas[1]', betas[1], decay),
      epsilon: expectNumber('eps', options?.eps ?? 1e-8, { min: 0 }),
      weightDecay: expectNumber('weightDecay', options?.weightDecay ?? 0.01, { min: 0 }),
      excludeBiasAndNorm: expectBoolean('excludeBiasAndNorm', options?.excludeBiasAndNorm ?? false),
    };
    super(parameters, options?.lr, [{ name: 'exp_avg' }, { name: 'exp_avg_sq' }, { name: 'step', isScalar: true }]);
    this.#options = checked;
  }

  protected override update({ parameters, slots, learningRate, guard }: UpdateInputs): Tensor {
    const [means = [], squares = [], steps = []] = slots;
    return ops.adamw_(parameters, means, squares, steps, learningRate, { ...guard, ...this.#options });
  }
}
