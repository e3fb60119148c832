/** Encoders, heads and methods in float64, so that a training is the same to 1e-5 however the rounding goes. */
import { defineMethod, methodOf } from '../../lib/methods/registry.ts';
import '../../lib/methods/all.ts';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { AdaptiveAvgPool2d, BatchNorm2d, Conv2d, ReLU, Sequential } from '../../lib/nn/index.ts';
import { Module } from '../../lib/nn/module.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import { manualSeed } from '../../lib/tensor/random.ts';
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

/** Two convolutions, each with its batch normalisation: (batch, 1, height, width) to (batch, 8). */
class SmallNet extends Module {
  readonly featureDim = 8;
  readonly layers: Sequential;

  constructor() {
    super();
    const halved = (inChannels: number, outChannels: number): Module[] => [
      new Conv2d(inChannels, outChannels, 3, { stride: 2, padding: 1, bias: false }),
      new BatchNorm2d(outChannels),
      new ReLU(),
    ];
    this.layers = new Sequential([...halved(1, 4), ...halved(4, 8), new AdaptiveAvgPool2d(1)]);
  }

  override forward(images: Tensor): Tensor {
    return this.layers.forward(images).flatten(1);
  }
}

export function doubleModels(seed = 1) {
  const { encoder, head } = tinyModels(seed);
  return { encoder: new DoubleEncoder(encoder), head: toDouble(head) };
}

/** The encoder is of two layers: where there are many processes, what they send each other takes most of the time. */
export function smallDoubleModels(seed = 1) {
  manualSeed(seed);
  const encoder = new SmallNet();
  const head = projectionHead({ inFeatures: encoder.featureDim, outFeatures: 8, seed });
  return { encoder: new DoubleEncoder(encoder), head: toDouble(head) };
}
