/** What training changes. */
import { StateError } from '../errors.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { noGrad, ownElsewhere } from '../tensor/modes.ts';
import { Tensor } from '../tensor/tensor.ts';
import { describe } from '../validate.ts';

const declared = {
  /** Default true; false for a weight that is frozen. */
  requiresGrad: { type: 'boolean', default: true },
} as const satisfies OptionTable;

export interface ParameterOptions extends OptionsOf<typeof declared> {}

/**
 * A tensor that a module trains: a field of a module that holds one is among its `parameters()`. As torch.nn.Parameter. No
 * tidy() disposes it; the module does.
 */
export class Parameter extends Tensor {
  /** @param data is taken over, and counts as disposed afterwards. The result of a differentiable operation is detached. */
  constructor(data: Tensor, options: ParameterOptions = {}) {
    const { requiresGrad } = resolveOptions('Parameter', declared, options);
    if (!(data instanceof Tensor) || data.isDisposed)
      throw new StateError(`a parameter takes over a tensor that is alive, got ${describe(data)}`);
    const own = data.requiresGrad ? noGrad(() => data.detach()) : data;
    if (own !== data) data.dispose();
    super(own.release());
    ownElsewhere(this);
    if (requiresGrad) this.requiresGrad = true;
  }
}
