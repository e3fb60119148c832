/** Dynamic loss scaling, without which small gradients are zeros in float16. */
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import * as internal from '../tensor/internal-ops.ts';
import { outsideTidy } from '../tensor/modes.ts';
import { scalarDevice } from '../tensor/runtime.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';

/** As torch.amp.GradScaler's, but for `least`, below which a training does not go on. */
const rule = { growth: 2, backoff: 0.5, interval: 2000, least: 1 };
const firstScale = 2 ** 16;

/** As numbers: what a checkpoint keeps. */
const stateOptions = {
  /** What the loss of the next step is multiplied by. */
  scale: { type: 'number', required: true, min: rule.least },
  /** Steps in a row that were not skipped, since the scale has changed. */
  fineSteps: { type: 'number', required: true, min: 0, integer: true },
} as const satisfies OptionTable;

export interface LossScaleState extends OptionsOf<typeof stateOptions> {}

/**
 * What the loss is multiplied by before the backward pass, and the gradients are divided by after it. A step whose gradients overflow is
 * skipped and halves the scale; 2000 others in a row double it. It lives on the device, where nobody waits for it.
 *
 * Source: Micikevicius et al. 2018, arXiv:1710.03740, section 3.2; with the numbers of torch.amp.GradScaler. Differs: a skipped step leaves
 * running statistics as they were, and one that would bring the scale below 1 is refused.
 */
export class LossScale implements Disposable {
  readonly #rule: Readonly<typeof rule>;
  /** float32 () */
  readonly #scale: Tensor;
  /** int32 () */
  readonly #fineSteps: Tensor;

  /** @param device of the network. @param options for tests. */
  constructor(device: string, { scale = firstScale, ...options }: Partial<typeof rule & { scale: number }> = {}) {
    this.#rule = { ...rule, ...options };
    const at = { device: scalarDevice(device) };
    this.#scale = outsideTidy(() => tensor(scale, { ...at, dtype: 'float32' }));
    this.#fineSteps = outsideTidy(() => tensor(0, { ...at, dtype: 'int32' }));
  }

  /** float32 (), live. */
  get scale(): Tensor {
    return this.#scale;
  }

  /** After the update, of which the scale is a function. @param status of the step, int64 (); handed on. */
  follow(status: Tensor): Tensor {
    return internal.updateLossScale_(this.#scale, this.#fineSteps, status, this.#rule);
  }

  async read(): Promise<LossScaleState> {
    return { scale: await this.#scale.item(), fineSteps: await this.#fineSteps.item() };
  }

  /** @throws {OptionError} what read() does not give. */
  set(state: unknown): void {
    const { scale, fineSteps } = resolveOptions('lossScale', stateOptions, state as LossScaleState);
    this.#scale.fill_(scale).dispose();
    this.#fineSteps.fill_(fineSteps).dispose();
  }

  [Symbol.dispose](): void {
    this.#scale.dispose();
    this.#fineSteps.dispose();
  }
}
