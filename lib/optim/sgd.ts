import { OptionError } from '../errors.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, expectBoolean, expectNumber } from '../validate.ts';
import { Optimizer, type Parameters, type UpdateInputs } from './base.ts';

export interface SGDOptions {
  /** Learning rate ≥ 0. */
  readonly lr: number;
  /** Default 0. */
  readonly momentum?: number;
  /** Default false; needs a momentum above 0. */
  readonly nesterov?: boolean;
  /** L2 penalty added to the gradient, default 0. */
  readonly weightDecay?: number;
  /** No weight decay for parameters of one dimension: biases and normalisation scales. Default false, as PyTorch. */
  readonly excludeBiasAndNorm?: boolean;
}

const known = ['lr', 'momentum', 'nesterov', 'weightDecay', 'excludeBiasAndNorm'] as const;

/**
 * Stochastic gradient descent as torch.optim.SGD with dampening 0.
 *
 * g ← g + λw;  v ← μv + g;  w ← w − lr·v   (Nesterov: w ← w − lr·(g + μv))
 * @throws {OptionError} an unknown or wrong option, or no parameters.
 * @example
 * const optimizer = new SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
 * optimizer.zeroGrad();
 * loss.backward();
 * optimizer.step();
 */
export class SGD extends Optimizer {
  readonly #options: Required<Omit<SGDOptions, 'lr'>>;

  constructor(parameters: Parameters, options: SGDOptions) {
    checkOptions('SGD', options, known);
    const momentum = expectNumber('momentum', options?.momentum ?? 0, { min: 0 });
    const nesterov = expectBoolean('nesterov', options?.nesterov ?? false);
    if (nesterov && momentum === 0) throw new OptionError('nesterov needs a momentum above 0');
    const weightDecay = expectNumber('weightDecay', options?.weightDecay ?? 0, { min: 0 });
    const excludeBiasAndNorm = expectBoolean('excludeBiasAndNorm', options?.excludeBiasAndNorm ?? false);
    super(parameters, options?.lr, momentum > 0 ? [{ name: 'momentum_buffer' }] : []);
    this.#options = { momentum, nesterov, weightDecay, excludeBiasAndNorm };
  }

  protected override update({ parameters, slots: [momenta = []], learningRate, guard }: UpdateInputs): Tensor {
    return ops.sgd_(parameters, momenta, learningRate, { ...guard, ...this.#options });
  }
}
