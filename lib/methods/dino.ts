/** DINO: views predict how a slowly moving copy of the network distributes the large views over prototypes. No negatives. */
import { lossOptions } from '../losses/options.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { rampAt } from '../options/ramp.ts';
import * as internal from '../tensor/internal-ops.ts';
import { noGrad, outsideTidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Method, type MethodBatch, type MethodParts, type MethodValue, type Targets } from './method.ts';
import { dimOf, expectModules } from './network.ts';
import { Prototypes, swappedPrediction } from './prototypes.ts';
import { defineMethod } from './registry.ts';
import { Teacher, teacherMomentum } from './teacher.ts';

const table = {
  /** m in [0, 1]: the part of each teacher parameter that stays at a step. Default: from 0.996 to 1 along half a cosine. */
  momentum: { ...teacherMomentum, default: { from: 0.996, to: 1, schedule: 'cosine' } },
  /** K: outputs of the last layer. Default 65536. */
  prototypes: { type: 'number', min: 2, max: 2 ** 24, integer: true, default: 65_536, help: 'prototypes' },
  /** τ > 0 of the student, or how it changes over a training. Default 0.1. */
  temperature: lossOptions.temperature,
  /** τ' > 0 of the teacher, or how it changes over a training; below the student's. Default 0.04. */
  teacherTemperature: { ...lossOptions.temperature, default: 0.04 },
  /** Part of the centre that stays at a step, in [0, 1]. Default 0.9. */
  centerMomentum: { type: 'number', min: 0, max: 1, default: 0.9, help: 'part of the centre that stays at a step' },
} as const satisfies OptionTable;

export type DinoOptions = OptionsOf<typeof table>;
type Resolved = ResolvedOf<typeof table>;

type DinoNumbers = Readonly<Record<'momentum' | 'temperature' | 'teacherTemperature' | 'centerMomentum', number>>;

interface DinoValue extends MethodValue {
  /** float32 (batch, large views, prototypes), without a gradient: the teacher's. */
  readonly scores: Tensor;
}

export class Dino extends Method<DinoNumbers, DinoValue> {
  readonly prototypes: Prototypes;
  readonly teacher: Teacher;
  /** The teacher's, which follow the student's. Behind the projections, as the student's: these are what processes send each other. */
  readonly teacherPrototypes: Prototypes;
  /** c: float32 (prototypes), the mean of what the teacher makes. */
  readonly #center: Tensor;
  readonly #options: Resolved;

  constructor(options: Resolved, parts: MethodParts) {
    super(parts);
    const { student, device, seed } = parts;
    this.#options = options;
    this.prototypes = new Prototypes(options.prototypes, dimOf('dino', student), seed).to(device);
    this.teacher = new Teacher(student);
    this.teacherPrototypes = this.prototypes.clone();
    this.teacherPrototypes.weight.requiresGrad = false;
    const zeros = outsideTidy(() => ops.zeros([options.prototypes], { dtype: 'float32', device }));
    this.#center = this.registerBuffer('center', zeros);
  }

  override get isPure(): boolean {
    return true;
  }

  override numbersAt(progress: number): DinoNumbers {
    const { momentum, temperature, teacherTemperature, centerMomentum } = this.#options;
    return {
      momentum: rampAt(momentum, progress),
      temperature: rampAt(temperature, progress),
      teacherTemperature: rampAt(teacherTemperature, progress),
      centerMomentum,
    };
  }

  override loss({ views, numbers }: MethodBatch<DinoNumbers>): DinoValue {
    const features = this.student.features(views); // (batch, views, dim)
    const logits = this.student.run(() => this.prototypes.forward(features)).div(numbers.temperature);
    const scores = noGrad(() => {
      const projections = this.teacher.features(views.globalOnes);
      return this.teacher.run(() => this.teacherPrototypes.forward(projections));
    });
    const targets = noGrad(() => scores.sub(this.#center).div(numbers.teacherTemperature).softmax(2));
    return { loss: swappedPrediction(targets, views.globalNumbers, logits), features, scores };
  }

  override afterUpdate({ scores }: DinoValue, { numbers }: Targets<DinoNumbers>, status: Tensor): Tensor {
    const { momentum, centerMomentum } = numbers;
    const followed = internal.movingAverage_(
      [this.teacherPrototypes.weight],
      [this.prototypes.weight],
      momentum,
      this.teacher.follow(momentum, status),
    );
    return internal.movingAverage_([this.#center], [scores.mean([0, 1])], centerMomentum, followed);
  }
}

/**
 * Self-distillation with no labels. Student s and teacher ξ, a copy that follows, give the cosines of their projections with K
 * prototypes; the teacher sees the views that are as large as the first, the student all of them:
 *
 *     L = mean over large views t and views v ≠ t of −1/n Σ_i Σ_k softmax_k((ξ(x_ti) − c)/τ') log softmax_k(s(x_vi)/τ)
 *     ξ ← m ξ + (1 − m) s        after each step, m from 0.996 to 1 along half a cosine
 *     c ← m' c + (1 − m') mean of ξ(x_t)
 *
 * Source: Caron et al. 2021, arXiv:2104.14294, eq. 1 to 4 and algorithm 1. Published for ImageNet: ViT-S/16, batch 1024, AdamW, lr 0.0005 · batch / 256
 * with a warm-up of 10 epochs and a cosine, weight decay from 0.04 to 0.4, 100 to 800 epochs, views 2×224 + 10×96
 * (`presets.dino({ size: 224, localViews: 10 })`), 65 536 prototypes, τ 0.1, τ' from 0.04 to 0.07 in 30 epochs, m' 0.9; projection of three layers of
 * 2048, 2048 and 256 with GELU, which is `projectionHead({ layers: 3, activation: 'gelu', hiddenFeatures: 2048, outFeatures: 256 })`; the prototypes are
 * the last layer, with weights of length one. The authors' code also clips each gradient to a norm of 3, and drops paths in the student alone
 * (`stochasticDepth: 0.1`). The published accuracies are the teacher's; the encoder that a run saves is the student. Differs: the prototypes
 * learn from the first step on, not from the second epoch; τ' is constant by default.
 * @example
 * const head = projectionHead({ inFeatures: encoder.featureDim, layers: 3, activation: 'gelu', hiddenFeatures: 512, outFeatures: 128 });
 * new Trainer({ encoder, head, augment: presets.dino({ size: 32 }), method: dino({ prototypes: 1024 }) });
 */
export const dino = defineMethod({
  name: 'dino',
  views: [2, Number.POSITIVE_INFINITY],
  options: table,
  refuse: (_, around) => {
    expectModules('dino', around);
    dimOf('dino', around);
  },
  make: (options, parts) => new Dino(options, parts),
});
