/** Weights of a first convolution for another number of input channels than they were trained with. */
import type { StoredTensor } from '../files/torch-file.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface InputAdaptation {
  /** Of the convolution's weight. */
  readonly name: string;
  /** Input channels in the file. */
  readonly from: number;
  /** Input channels of the module. */
  readonly to: number;
}

/** What the module's first weight of four dimensions needs; undefined where it has the channels of the file. */
export function inputAdaptation(
  own: ReadonlyMap<string, Tensor>,
  stored: ReadonlyMap<string, Pick<StoredTensor, 'shape'>>,
): InputAdaptation | undefined {
  for (const [name, { shape }] of own) {
    if (shape.length !== 4) continue;
    const there = stored.get(name)?.shape;
    const [from, to] = [there?.[1], shape[1]];
    const isOtherwiseEqual = String(there) === String([shape[0], from, shape[2], shape[3]]);
    return (from === 1 || from === 3) && to !== undefined && to !== from && isOtherwiseEqual
      ? { name, from, to }
      : undefined;
  }
  return undefined;
}

/**
 * Puts the adapted weight into `state`. To one channel the channels are added up: a gray image gives what it gave replicated. To n of
 * them the weight's c channels are repeated in turn and scaled by c/n, so that outputs keep their size.
 * Source: adapt_input_conv in timm/models/_manipulate.py of github.com/huggingface/pytorch-image-models, for c = 3.
 */
export function adaptInput(state: Map<string, Tensor>, { name, from, to }: InputAdaptation): void {
  const weight = state.get(name) as Tensor;
  const adapted =
    to === 1
      ? weight.sum(1, true)
      : weight
          .repeat([1, Math.ceil(to / from), 1, 1])
          .narrow(1, 0, to)
          .mul(from / to);
  state.set(name, adapted);
}
