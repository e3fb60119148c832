/** Encoders, heads and methods in float64, so that a training is the same to 1e-5 however the rounding goes. */
import { defineMethod, methodOf } from '../../lib/methods/registry.ts';
import '../../lib/methods/all.ts';
import { Module } from '../../lib/nn/module.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { tinyModels } from '../train/tiny.ts';

/** Parameters and buffers of a module and of its parts, in place. */
export function toDouble<M extends Module>(module: M): M {
  for (const value of module.stateDict().values()) {
    if (value.dtype !== 'float32') continue;
    const { requiresGrad } = value;
    value.rebind(noGrad(() => value.detach().to('float64')).release());
    value.requiresGrad = requiresGrad;
  }
  return module;
}

/** A method whose own tensors are of float64: its name. */
export function doubleMethod(name: string): string {
  const { spec, make, expectFit, ...rest } = methodOf(name);
  const inDouble = `${name}-in-double`;
  defineMethod({
    ...rest,
    name: inDouble,
    check: (options: object) => options,
    refuse: (_, around) => expectFit(around),
    make: (_, parts) => toDouble(make(parts)),
  });
  return inDouble;
}

/** Takes the float32 images of a training. */
export class DoubleEncoder extends Module {
  readonly inner: Module;
  readonly featureDim: number;
  /** Of bool, as masks are. */
  readonly mask: Tensor;

  constructor(inner: Module & { readonly featureDim: number }) {
    super();
    this.mask = this.registerBuffer('mask', tensor([1, 0]).to('bool'));
    this.inner = toDouble(inner);
    this.featureDim = inner.featureDim;
  }

  override get isPure(): boolean {
    return true;
  }

  override forward(images: Tensor): Tensor {
    return this.inner.forward(images.to('float64'));
  }
}

export function doubleModels() {
  const { encoder, head } = tinyModels();
  return { encoder: new DoubleEncoder(encoder), head: toDouble(head) };
}
