import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, expectBoolean, expectNumber } from '../validate.ts';
import { Optimizer, type Parameters, type UpdateInputs } from './base.ts';

export interface LARSOptions {
  /** Learning rate ≥ 0. */
  readonly lr: number;
  /** Default 0.9. */
  readonly momentum?: number;
  /** Default false. */
  readonly nesterov?: boolean;
  /** L2 penalty added to the gradient, default 1e-6. */
  readonly weightDecay?: number;
  /** η of the trust ratio, default 0.001. */
  readonly trustCoefficient?: number;
  /** Neither decay nor adaptation for parameters of one dimension: biases and normalisation scales. Default true. */
  readonly excludeBiasAndNorm?: boolean;
}

const known = ['lr', 'momentum', 'nesterov', 'weightDecay', 'trustCoefficient', 'excludeBiasAndNorm'] as const;

/**
 * Layer-wise adaptive rate scaling, for large batches; as google-research/simclr's LARSOptimizer (classic momentum).
 *
 * g ← g + λw;  trust = η·‖w‖/‖g‖, 1 where a norm is 0;  v ← μv + lr·trust·g;  w ← w − v   (Nesterov: − (μv + lr·trust·g))
 * The learning rate is inside the momentum buffer, unlike SGD's.
 * Source: You et al. 2017, arXiv:1708.03888.
 * @throws {OptionError} an unknown or wrong option, or no parameters.
 */
export class LARS extends Optimizer {
  readonly #options: Required<Omit<LARSOptions, 'lr'>>;

  constructor(parameters: Parameters, options: LARSOptions) {
    checkOptions('LARS', options, known);
    const checked = {
      momentum: expectNumber('momentum', options?.momentum ?? 0.9, { min: 0 }),
      nesterov: expectBoolean('nesterov', options?.nesterov ?? false),
      weightDecay: expectNumber('weightDecay', options?.weightDecay ?? 1e-6, { min: 0 }),
      trustCoefficient: expectNumber('trustCoefficient', options?.trustCoefficient ?? 0.001, { above: 0 }),
      excludeBiasAndNorm: expectBoolean('excludeBiasAndNorm', options?.excludeBiasAndNorm ?? true),
    };
    super(parameters, options?.lr, [{ name: 'momentum_buffer' }]);
    this.#options = checked;
  }

  protected override update({ parameters, slots: [momenta = []], learningRate, guard }: UpdateInputs): Tensor {
    return ops.lars_(parameters, momenta, learningRate, { ...guard, ...this.#options });
  }
}
