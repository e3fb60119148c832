/** What a method of representation learning is: modules that it adds, the loss of a batch of views, what follows an update. */
import type { LossValue } from '../losses/all.ts';
import { Module } from '../nn/module.ts';
import * as internal from '../tensor/internal-ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Network } from './network.ts';
import type { Views } from './views.ts';

/** What a method is made from, by the trainer, at the start of a training. */
export interface MethodParts {
  /** The encoder and head that are trained, on their device, in training mode. They stay the training's own. */
  readonly student: Network;
  readonly device: string;
  /** Of the initial weights of what the method adds. */
  readonly seed: number;
}

/** What a loss may look at beside the views. */
export interface Targets<Numbers extends object = object> {
  /** int32 (batch), where the method takes labels and every sample has one. */
  readonly labels: Tensor | undefined;
  /** int64 (batch): which samples they are. */
  readonly ids: Tensor;
  /** What numbersAt() gave for this step, each float64 () on the training's device; for Metal, which lacks float64, on the CPU. */
  readonly numbers: { readonly [K in keyof Numbers]: Tensor };
}

export interface MethodBatch<Numbers extends object = object> extends Targets<Numbers> {
  readonly views: Views;
}

/** What loss() returns; a method may add what its afterUpdate() needs. */
export interface MethodValue extends LossValue {
  /** float32 (batch, views, dim): what was compared. Metrics are of these, and a step is refused where they are not finite. */
  readonly features: Tensor;
}

/**
 * A method: a module whose fields are what it adds to encoder and head (a predictor, a teacher, a queue). Its parameters that require a
 * gradient are trained, and its state is in checkpoints. The trainer makes a fresh one for each fit.
 *
 * loss(), metrics() and afterUpdate() are recorded with the step: they are operations on tensors, and read no values.
 * @typeParam Numbers by name, what changes over a training.
 */
export abstract class Method<Numbers extends object = object, Value extends MethodValue = MethodValue> extends Module {
  readonly #student: Network;

  constructor({ student }: MethodParts) {
    super();
    this.#student = student;
  }

  /** Encoder and head of the training, which are no parts of this module. */
  protected get student(): Network {
    return this.#student;
  }

  /** Features of images, as the student's. */
  override forward(images: Tensor): Tensor {
    return this.#student.forward(images);
  }

  /** The loss of a batch; differentiable in the student's parameters and in this module's own. */
  abstract loss(batch: MethodBatch<Numbers>): Value;

  /** What changes over a training, such as a temperature, when `progress` in [0, 1] of it lies behind. Default: nothing. */
  numbersAt(_progress: number): Numbers {
    return {} as Numbers;
  }

  /** Of the features that were compared: the numbers that `contrastiveMetrics()` names, as one tensor. */
  metrics({ features }: MethodValue, { labels }: Targets<Numbers>): Tensor {
    return internal.contrastiveMetrics(features.detach(), { labels });
  }

  /**
   * What follows the optimizer's update: a teacher that follows (`Teacher.follow`), a queue that is filled (`KeyQueue.push`). These take the
   * step's status, int64 (), and change nothing where it is above 0, as what is your own must: in noGrad(),
   * `buffer.copy_(ops.where(status.le(0), value, buffer))`. Default: nothing.
   * @returns the status, handed on.
   */
  afterUpdate(_value: Value, _targets: Targets<Numbers>, status: Tensor): Tensor {
    return status;
  }

  /**
   * The modules whose buffers a forward pass moves, as running statistics; they are put back where a step is refused. Default: this
   * one. A method with large buffers that only afterUpdate() changes names its other parts: copying takes time.
   */
  get movedModules(): readonly Module[] {
    return [this];
  }
}

/** A method whose loss is a function of the features of all views, and of nothing else: it goes with `microBatch`. */
export abstract class FeatureMethod<Numbers extends object = object> extends Method<Numbers> {
  /** float32 (batch, views, dim), of the views of a whole batch or of some of its samples. Default: the student's. */
  features(views: Views): Tensor {
    return this.student.features(views);
  }

  /** @param features float32 (batch, views, dim) */
  abstract lossOf(features: Tensor, targets: Targets<Numbers>): LossValue;

  override loss(batch: MethodBatch<Numbers>): MethodValue {
    const features = this.features(batch.views);
    return { features, ...this.lossOf(features, batch) };
  }
}
