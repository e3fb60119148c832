/** A copy of encoder and head that follows them slowly: MoCo's key encoder, BYOL's target network. */
import type { Ranks } from '../distributed/ranks.ts';
import { MultiheadAttention } from '../nn/attention.ts';
import { Dropout } from '../nn/dropout.ts';
import { stayInEvaluation } from '../nn/evaluation.ts';
import type { Module } from '../nn/module.ts';
import { StochasticDepth } from '../nn/stochastic-depth.ts';
import type { OptionTable } from '../options/option.ts';
import * as internal from '../tensor/internal-ops.ts';
import { noGrad } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { movingBuffers } from './moving-buffers.ts';
import { Network } from './network.ts';
import type { Views } from './views.ts';

/** m in [0, 1], of `Teacher.follow`; each method has a default of its own. */
export const teacherMomentum = {
  ...{ type: 'ramp', min: 0, max: 1, value: 'M', flag: 'teacherMomentum' },
  help: 'part of the teacher that stays at a step',
} as const satisfies OptionTable[string];

export interface TeacherOptions {
  readonly statistics?: 'batch' | 'average';
  readonly shuffled?: boolean;
}

/**
 * θ_t ← m θ_t + (1 − m) θ_s after each step; no gradient. Its running statistics are its own, moved by its own forward passes. It drops
 * nothing: Dropout, StochasticDepth and MultiheadAttention of the copy are in evaluation, as the authors of DINO and MoCo v3 have it; a dropout
 * of your own, in a forward(), follows the mode of its module.
 *
 * Source: He et al. 2020, arXiv:1911.05722, eq. 2. `statistics: 'average'` is Cai et al. 2021, arXiv:2101.08482.
 */
export class Teacher extends Network {
  readonly #isShuffled: boolean;
  readonly #leading: readonly Tensor[];
  readonly #following: readonly Tensor[];

  /**
   * @param student with a head that is a Module, or none; on its device, in the modes of training, which the copy has too.
   * @param options.statistics 'batch' (default): normalisation by the statistics of the teacher's own batch. 'average': by running
   * statistics that follow the student's as the parameters do.
   * @param options.shuffled where processes keep statistics of their own, each pass takes other images of the batch together than the
   * student's (He et al. 2020, section 3.3). Default false.
   */
  constructor(student: Network, { statistics = 'batch', shuffled = false }: TeacherOptions = {}) {
    const head = student.head as Module | null;
    super(
      { encoder: student.encoder.clone(), head: head === null ? null : head.clone() },
      student.precision,
      student.ranks,
    );
    for (const parameter of this.parameters()) parameter.requiresGrad = false;
    this.#isShuffled = shuffled && this.ranks?.canDiffer === true;
    const follows = statistics === 'average';
    const parts = [...this.namedModules().values()];
    stayInEvaluation(follows ? parts : parts.filter(drops));
    this.#leading = averaged(student, follows);
    this.#following = averaged(this, follows);
  }

  override forward(images: Tensor): Tensor {
    const pass = (rows: Tensor): Tensor => super.forward(rows);
    return noGrad(() => (this.#isShuffled ? (this.ranks as Ranks).shuffled(images, pass) : pass(images)));
  }

  override features(views: Views): Tensor {
    return noGrad(() => super.features(views));
  }

  /**
   * Moves the parameters towards the student's, unless the step was refused.
   * @param m float64 ()
   * @param status of the step, int64 (); handed on.
   */
  follow(m: Tensor, status: Tensor): Tensor {
    return internal.movingAverage_(this.#following, this.#leading, m, status);
  }
}

const drops = (module: Module): boolean =>
  [Dropout, StochasticDepth, MultiheadAttention].some((kind) => module instanceof kind);

/** Parameters and, where asked for, the running statistics but for the counts of batches. */
function averaged(network: Network, withStatistics: boolean): Tensor[] {
  const statistics = withStatistics ? [...movingBuffers(network).values()] : [];
  return [...network.parameters(), ...statistics.filter(({ dtype }) => dtype.startsWith('float'))];
}
