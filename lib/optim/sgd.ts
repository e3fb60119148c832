import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import * as internal from '../tensor/internal-ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { commonOptions, expectMomentum, Optimizer, type UpdateInputs } from './base.ts';
import type { Parameters } from './parameters.ts';

export const sgdOptions = {
  ...commonOptions,
  /** Default 0. */
  momentum: { type: 'number', default: 0, min: 0, help: 'part of the last update that goes on' },
  /** Default false; needs a momentum above 0. */
  nesterov: { type: 'boolean', default: false, help: 'Nesterov momentum' },
  /** L2 penalty added to the gradient, or how it changes over a training; default 0. */
  weightDecay: { type: 'ramp', default: 0, min: 0, help: 'L2 penalty' },
  /** No weight decay for parameters of one dimension: biases and normalisation scales. Default false, as PyTorch. */
  excludeBiasAndNorm: { type: 'boolean', default: false, help: 'no weight decay for biases and normalisation' },
} as const satisfies OptionTable;

export interface SGDOptions extends OptionsOf<typeof sgdOptions> {}

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
  readonly #options: Pick<ResolvedOf<typeof sgdOptions>, 'momentum' | 'nesterov'>;

  constructor(parameters: Parameters, options: SGDOptions) {
    const resolved = resolveOptions('SGD', sgdOptions, options);
    const { momentum, nesterov } = resolved;
    expectMomentum(resolved);
    super(parameters, resolved, momentum > 0 ? [{ name: 'momentum_buffer' }] : []);
    this.#options = { momentum, nesterov };
  }

  protected override update({ parameters, state, learningRate, shared }: UpdateInputs): Tensor {
    return internal.sgd_(parameters, state, learningRate, { ...shared, ...this.#options });
  }
}
