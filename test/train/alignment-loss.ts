/** A loss in a file of its own: alignment and uniformity (Wang & Isola 2020, arXiv:2005.10242, equations 4 and 5). */

import type { CustomLoss } from '../../lib/methods/custom-loss.ts';
import { normalize } from '../../lib/tensor/ops.ts';

const alignment: CustomLoss = (features) => {
  const z = normalize(features, { dim: 2 }); // (batch, 2, dim)
  const [x, y] = [z.select(1, 0), z.select(1, 1)];
  const uniformity = x.matmul(x.t()).sub(1).mul(4).exp().mean().log();
  return x.sub(y).square().sum(1).mean().add(uniformity);
};

export default alignment;
