import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { rampAt } from '../options/ramp.ts';
import { resolveOptions } from '../options/resolve.ts';
import * as internal from '../tensor/internal-ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { commonOptions, expectMomentum, Optimizer, type UpdateInputs } from './base.ts';
import type { Group } from './groups.ts';
import type { Parameters } from './parameters.ts';

export const larsOptions = {
  ...commonOptions,
  /** Which of the known forms, below. Default 'simclr'. */
  form: {
    type: 'string',
    choices: ['simclr', 'moco-v3', 'lightly'],
    default: 'simclr',
    help: 'which of the published forms, where learning rate and norms stand in different places',
  },
  /** Default 0.9. */
  momentum: { type: 'number', default: 0.9, min: 0, help: 'part of the last update that goes on' },
  /** Default false; needs a momentum above 0. */
  nesterov: { type: 'boolean', default: false, help: 'Nesterov momentum' },
  /** L2 penalty added to the gradient, or how it changes over a training; default 1e-6. */
  weightDecay: { type: 'ramp', default: 1e-6, min: 0, help: 'L2 penalty' },
  /** η of the trust ratio, default 0.001. */
  trustCoefficient: {
    type: 'number',
    default: 0.001,
    above: 0,
    help: 'length of an update beside that of the weight, at rate 1',
  },
  /** Neither decay nor adaptation for parameters of one dimension: biases and normalisation scales. Default true. */
  excludeBiasAndNorm: {
    type: 'boolean',
    default: true,
    help: 'neither decay nor adaptation for biases and normalisation',
  },
} as const satisfies OptionTable;

export interface LARSOptions extends OptionsOf<typeof larsOptions> {}

/** At any time of the training. */
const isDecayed = ({ weightDecay }: Group): boolean => [0, 1].some((progress) => rampAt(weightDecay, progress) > 0);

/**
 * Layer-wise adaptive rate scaling, for large batches: each weight's update is as long as η times the weight.
 * Source: You et al. 2017, arXiv:1708.03888. The forms that recipes were written for:
 *
 * - 'simclr' (google-research/simclr): trust = η·‖w‖/‖g + λw‖;  v ← μv + lr·trust·(g + λw);  w ← w − v
 *   (Nesterov: w ← w − (μv + lr·trust·(g + λw))). The learning rate is inside the momentum.
 * - 'moco-v3' (facebookresearch/moco-v3, also Barlow Twins and VICReg): the same trust;  v ← μv + trust·(g + λw);
 *   w ← w − lr·v. It differs from the first while the rate changes.
 * - 'lightly' (lightly and Lightning Bolts; NVIDIA's LARC without its bound): as 'moco-v3', with the paper's
 *   trust = η·‖w‖/(‖g‖ + λ‖w‖ + 1e-8). Without weight decay there is no adaptation, and a gradient of zeros moves nothing.
 *
 * trust is 1 where a norm is 0.
 * @throws {OptionError} an unknown or wrong option, or no parameters.
 */
export class LARS extends Optimizer {
  readonly #options: ResolvedOf<typeof larsOptions>;

  constructor(parameters: Parameters, options: LARSOptions) {
    const resolved = resolveOptions('LARS', larsOptions, options);
    expectMomentum(resolved);
    super(parameters, resolved, [{ name: 'momentum_buffer' }]);
    this.#options = resolved;
  }

  protected override update({ parameters, state, learningRate, groups, shared }: UpdateInputs): Tensor {
    const { form, momentum, nesterov, trustCoefficient } = this.#options;
    const isAdapted = groups.map((group) => !group.isExcluded && (form !== 'lightly' || isDecayed(group)));
    return internal.lars_(parameters, state, learningRate, {
      ...shared,
      trustCoefficients: isAdapted.map((adapted) => (adapted ? trustCoefficient : 0)),
      momentum,
      nesterov,
      rateInMomentum: form === 'simclr',
      separateNorms: form === 'lightly',
    });
  }
}
