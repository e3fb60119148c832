/** The end of a step that is enqueued by JavaScript: its gradients reach the weights, or nothing of the step does. */

import { loadAddon, type ModuleHandle, type UpdateHandle } from '../native/addon.ts';
import { guard, guardAsync, newJob } from '../native/errors.ts';
import { Module } from '../nn/module.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { flags } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { StepResult } from './loss-call.ts';
import type { MomentumEncoder } from './momentum-encoder.ts';
import type { ResolvedOptions } from './options.ts';

export class Update {
  readonly #optimizer: Optimizer;
  readonly #handle: UpdateHandle;

  constructor({ encoder, head }: ResolvedOptions, optimizer: Optimizer, momentum?: MomentumEncoder) {
    this.#optimizer = optimizer;
    const modules = [encoder, head, momentum?.encoder, momentum?.head].filter((part) => part instanceof Module);
    const handles = modules.map((module) => (module as unknown as { handle: ModuleHandle }).handle);
    this.#handle = guard(() => loadAddon().makeUpdate(handles, optimizer.handle));
  }

  /**
   * Runs `step` from its forward pass on. Where it fails, or its result is `refused`, running statistics are put back
   * and gradients dropped.
   */
  async attempt<T extends StepResult>(step: () => Promise<T>): Promise<T> {
    this.#optimizer.zeroGrad();
    guard(() => loadAddon().updateBegin(this.#handle, flags(), newJob()));
    try {
      const result = await step();
      if (result.refused !== undefined) this.#undo();
      return result;
    } catch (error) {
      this.#undo();
      throw error;
    }
  }

  /**
   * One step of the optimizer, if gradients, features, running statistics and the weights after it are finite; otherwise
   * none, and what was not: 'the gradient is'.
   */
  finish(features: Tensor, learningRate: number): Promise<string | undefined> {
    const job = newJob(this.finish);
    return guardAsync(guard(() => loadAddon().updateFinish(this.#handle, learningRate, features.handle, flags(), job)));
  }

  #undo(): void {
    guard(() => loadAddon().updateUndo(this.#handle, flags(), newJob()));
    this.#optimizer.zeroGrad();
  }
}
