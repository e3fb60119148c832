/** Weights for other images than they were trained with: other channels, or another grid of patches. */
import type { StoredTensor } from '../files/torch-tensors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { positionsAt } from './position-grid.ts';

export interface WeightAdaptation {
  /** Of the weight. */
  readonly name: string;
  /** What the file has another number of: input channels of the first convolution, or patches along a side of an image. */
  readonly of: 'input channels' | 'patches a side';
  /** That number in the file. */
  readonly from: number;
  /** That number in the module. */
  readonly to: number;
}

type Shapes = ReadonlyMap<string, Pick<StoredTensor, 'shape'>>;

/** What of the file must be adapted to the module; other differences of shape are left as they are. */
export function weightAdaptations(own: ReadonlyMap<string, Tensor>, stored: Shapes): WeightAdaptation[] {
  return [inputAdaptation(own, stored), positionAdaptation(own, stored)].filter((found) => found !== undefined);
}

/** Of the module's first weight of four dimensions. */
function inputAdaptation(own: ReadonlyMap<string, Tensor>, stored: Shapes): WeightAdaptation | undefined {
  for (const [name, { shape }] of own) {
    if (shape.length !== 4) continue;
    const there = stored.get(name)?.shape;
    const [from, to] = [there?.[1], shape[1]];
    const isOtherwiseEqual = String(there) === String([shape[0], from, shape[2], shape[3]]);
    return (from === 1 || from === 3) && to !== undefined && to !== from && isOtherwiseEqual
      ? { name, of: 'input channels', from, to }
      : undefined;
  }
  return undefined;
}

/** Of a vision transformer's positions: (1, 1 + side², width). */
function positionAdaptation(own: ReadonlyMap<string, Tensor>, stored: Shapes): WeightAdaptation | undefined {
  for (const [name, { shape }] of own) {
    const there = stored.get(name)?.shape;
    if (!/(^|\.)pos_embedding$/.test(name) || there === undefined) continue;
    const [from, to] = [sideOf(there), sideOf(shape)];
    if (from > 0 && to > 0 && from !== to && there[2] === shape[2]) return { name, of: 'patches a side', from, to };
  }
  return undefined;
}

/** 14 of (1, 1 + 14², width); 0 of what has no such shape. */
function sideOf(shape: readonly number[]): number {
  const [one, tokens = 0] = shape;
  const side = Math.sqrt(tokens - 1);
  return shape.length === 3 && one === 1 && Number.isInteger(side) ? side : 0;
}

/** Puts the adapted weight into `state`. */
export function adaptWeight(state: Map<string, Tensor>, { name, of, from, to }: WeightAdaptation): void {
  const weight = state.get(name) as Tensor;
  state.set(name, of === 'input channels' ? withChannels(weight, from, to) : positionsAt(weight, to, to));
}

/**
 * To one channel the channels are added up: a gray image gives what it gave replicated. To n of them the weight's c channels are
 * repeated in turn and scaled by c/n, so that outputs keep their size.
 * Source: adapt_input_conv in timm/models/_manipulate.py of github.com/huggingface/pytorch-image-models, for c = 3.
 */
function withChannels(weight: Tensor, from: number, to: number): Tensor {
  if (to === 1) return weight.sum(1, true);
  return weight
    .repeat([1, Math.ceil(to / from), 1, 1])
    .narrow(1, 0, to)
    .mul(from / to);
}
