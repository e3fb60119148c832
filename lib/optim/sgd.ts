import { checkOptions, expectBoolean, expectNumber } from '../validate.ts';
import { Optimizer, type Parameters } from './base.ts';

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
  constructor(parameters: Parameters, options: SGDOptions) {
    checkOptions('SGD', options, known);
    super('sgd', parameters, options?.lr, {
      momentum: expectNumber('momentum', options?.momentum ?? 0, { min: 0 }),
      nesterov: expectBoolean('nesterov', options?.nesterov ?? false),
      weightDecay: expectNumber('weightDecay', options?.weightDecay ?? 0, { min: 0 }),
      excludeBiasAndNorm: expectBoolean('excludeBiasAndNorm', options?.excludeBiasAndNorm ?? false),
    });
  }
}
