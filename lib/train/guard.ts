/** What surrounds a training step: nothing that is not finite is kept, and nothing of a step that failed. */
import { OptionError, StateError } from '../errors.ts';
import type { Method } from '../methods/method.ts';
import { movingBuffers } from '../methods/moving-buffers.ts';
import { Module } from '../nn/module.ts';
import type { Optimizer, Rates } from '../optim/optimizer.ts';
import * as internal from '../tensor/internal-ops.ts';
import { noGrad, outsideTidy } from '../tensor/modes.ts';
import { scalarDevice } from '../tensor/runtime.ts';
import { Tensor, tensor } from '../tensor/tensor.ts';
import { describe } from '../validate.ts';
import type { LossScale } from './loss-scale.ts';
import type { ResolvedOptions } from './options.ts';

// The values of a status that are read here; all of them are in native/optim/status.h.
const lossNotFinite = 1;
const featuresNotFinite = 2;

const gradientNotFinite = 3;
const stoppedBefore = 5;
const skipped = 7;
const refusals: Readonly<Record<number, string>> = {
  [lossNotFinite]: 'the loss is',
  [featuresNotFinite]: 'the features or the running statistics are',
  [gradientNotFinite]: 'the gradient is',
  4: 'the weights after the update are',
  6: 'the gradient or the weights are longer than 1e12, which on a device counts as',
};

/**
 * What the status at the end of a step says: there was no update where something was not finite, 'the gradient is', nor where the
 * gradients of a scaled loss overflowed.
 * @throws {StateError} a step before this one was refused, or failed.
 */
export function refusalOf(status: number): { readonly refused?: string; readonly skipped?: true } {
  if (status === stoppedBefore) throw new StateError('training stopped at an earlier step');
  if (status === skipped) return { skipped: true };
  const refused = refusals[status];
  return refused === undefined ? {} : { refused };
}

/** The status that a method's `afterUpdate()` returned. @throws {OptionError} it returned none. */
export function handedOn(status: unknown): Tensor {
  if (status instanceof Tensor) return status;
  throw new OptionError(`afterUpdate() of a method must return the status that it is given, got ${describe(status)}`);
}

/** Which of the batches this is whose gradients one update adds up. */
export interface Part {
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

export const onlyPart: Part = { isFirst: true, isLast: true };

/**
 * The status of the steps of a training, int64 (): each operation at a step's end takes it and hands it on, and changes
 * nothing once something was not finite; neither do the steps behind it, which may be enqueued already. An operation that
 * fails has no status to hand on: those that follow fail with it, and the next step finds that this one never ended.
 */
export class StepGuard implements Disposable {
  readonly #optimizer: Optimizer;
  /** What the forward pass moves: running statistics, those of the method's own parts too. */
  readonly #statistics: readonly Tensor[];
  /** The statistics as they were before the step: copied by beginStep_; on the CPU where they have moved since, so that a constant is not. */
  readonly #before: readonly Tensor[];
  readonly #status: Tensor;
  readonly #lossScale: LossScale | undefined;

  constructor({ encoder, head, lossScale }: ResolvedOptions, optimizer: Optimizer, method: Method) {
    this.#optimizer = optimizer;
    this.#lossScale = lossScale;
    const modules = [encoder, head, ...method.movedModules].filter((part) => part instanceof Module);
    this.#statistics = modules.flatMap((module) => [...movingBuffers(module).values()]);
    this.#before = outsideTidy(() => noGrad(() => this.#statistics.map((value) => value.clone())));
    this.#status = outsideTidy(() => tensor(0n, { device: scalarDevice(encoder.device) }));
  }

  /** Before the forward pass of the step's first batch: no gradients, and the running statistics are kept. */
  begin({ isFirst }: Part): Tensor {
    if (isFirst) this.#optimizer.zeroGrad();
    return internal.beginStep_(this.#statistics, this.#before, this.#status, { goesOn: !isFirst });
  }

  /** @param loss as it was read, of any shape. */
  checkLoss(loss: Tensor, status: Tensor): Tensor {
    return internal.refuseNonFinite_([loss], status, { reason: lossNotFinite });
  }

  /** The features, and the running statistics that their pass moved. */
  checkFeatures(features: Tensor, status: Tensor): Tensor {
    return internal.refuseNonFinite_([features, ...this.#statistics], status, { reason: featuresNotFinite });
  }

  /** What the backward pass begins with. */
  scaled(loss: Tensor): Tensor {
    return this.#lossScale ? loss.mul(this.#lossScale.scale) : loss;
  }

  /** One step of the optimizer, if the gradients and what it makes are finite. */
  update(rates: Rates, status: Tensor): Tensor {
    const updated = this.#optimizer.stepIfFinite(rates, status, this.#lossScale?.scale);
    return this.#lossScale ? this.#lossScale.follow(updated) : updated;
  }

  /** After all else. Of a step that was refused, running statistics are put back and gradients dropped. */
  end(status: Tensor, { isLast }: Part): Tensor {
    return internal.endStep_(this.#optimizer.parameters, this.#statistics, this.#before, status, { goesOn: !isLast });
  }

  /** The end of a step that failed, or lacks its last batches. No later one changes anything. */
  abandon(): void {
    const { parameters } = this.#optimizer;
    internal.endStep_(parameters, this.#statistics, this.#before, this.#status, { failed: true }).dispose();
    for (const parameter of parameters) parameter.noteGradCleared();
  }

  [Symbol.dispose](): void {
    for (const value of this.#before) value.dispose();
    this.#status.dispose();
  }
}
