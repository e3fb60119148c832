/**
 * Weights for other images than they were trained with, other channels or another grid of patches, and for a network that is
 * written otherwise.
 */
import type { StoredTensor } from '../files/torch-tensors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Module } from './module.ts';
import { positionsAt } from './position-grid.ts';

export interface WeightAdaptation {
  /** Of the weight. */
  readonly name: string;
  /**
   * What is another number in the file: input channels of the first convolution, patches along a side of an image, or the ε of a
   * batch normalisation.
   */
  readonly of: 'input channels' | 'patches a side' | 'epsilon';
  /** That number in the file. */
  readonly from: number;
  /** That number in the module. */
  readonly to: number;
}

type Shapes = ReadonlyMap<string, Pick<StoredTensor, 'shape'>>;

/**
 * What of the file must be adapted to the module; other differences of shape are left as they are.
 *
 * @param epsilon ε of the batch normalisation that the weights are for; undefined where it is the module's.
 */
export function weightAdaptations(module: Module, stored: Shapes, epsilon: number | undefined): WeightAdaptation[] {
  const own = module.stateDict();
  return [
    ...[inputAdaptation(own, stored), positionAdaptation(own, stored)].filter((found) => found !== undefined),
    ...(epsilon === undefined ? [] : epsilonAdaptations(module, stored, epsilon)),
  ];
}

/** The shape that a stored tensor is taken for: ours, where it lacks no more than trailing ones, as timm's layer scale does. */
export function takenShape(own: readonly number[], shape: readonly number[]): readonly number[] {
  const ones = Array<number>(Math.max(0, own.length - shape.length)).fill(1);
  return String([...shape, ...ones]) === String(own) ? own : shape;
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

/** Of each batch normalisation: no other layer has a weight beside a running variance. */
function epsilonAdaptations(module: Module, stored: Shapes, from: number): WeightAdaptation[] {
  return [...module.namedModules()].flatMap(([part, { eps: to }]: [string, Module & { eps?: unknown }]) => {
    const name = `${part}.weight`;
    const isNorm = stored.has(name) && stored.has(varianceOf(name));
    return isNorm && typeof to === 'number' && to !== from ? [{ name, of: 'epsilon', from, to } as const] : [];
  });
}

const varianceOf = (weight: string): string => weight.replace(/weight$/, 'running_var');

/** Puts the adapted weight into `state`. */
export function adaptWeight(state: Map<string, Tensor>, { name, of, from, to }: WeightAdaptation): void {
  const weight = state.get(name) as Tensor;
  const adapted = {
    'input channels': () => withChannels(weight, from, to),
    'patches a side': () => positionsAt(weight, to, to),
    epsilon: () => withEpsilon(weight, state.get(varianceOf(name)) as Tensor, from, to),
  };
  state.set(name, adapted[of]());
}

/** γ for which γ / √(σ² + ε) is what it was: in evaluation the layer computes the same. */
function withEpsilon(weight: Tensor, variance: Tensor, from: number, to: number): Tensor {
  return weight.mul(variance.add(to).div(variance.add(from)).sqrt());
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
