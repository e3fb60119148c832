/** Changes that follow an update, and do not where a step was refused. */
import { noGrad } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * target ← value, unless the step was refused.
 * @param value of the shape, dtype and device of `target`.
 * @param status of the step, int64 (); handed on.
 */
export function assign_(target: Tensor, value: Tensor, status: Tensor): Tensor {
  noGrad(() => target.copy_(ops.where(status.le(0).to(target.device), value, target)));
  return status;
}
