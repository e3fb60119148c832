/** Encoders and heads in float64, so that a training is the same to 1e-5 however the rounding goes. */
import { Module } from '../../lib/nn/module.ts';
import { Parameter } from '../../lib/nn/parameter.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { tinyModels } from '../train/tiny.ts';

/** Parameters and buffers of a module and of its parts, in place. */
export function toDouble<M extends Module>(module: M): M {
  const double = (value: Tensor): Tensor => noGrad(() => value.detach().to('float64'));
  for (const part of module.namedModules().values()) {
    for (const [name, value] of Object.entries(part))
      if (value instanceof Parameter) Object.assign(part, { [name]: new Parameter(double(value)) });
    const { runningMean, runningVar } = part as Partial<Record<'runningMean' | 'runningVar', Tensor>>;
    for (const statistic of [runningMean, runningVar]) statistic?.rebind(double(statistic).handle);
  }
  return module;
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
