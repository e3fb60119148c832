import { registerEncoder } from '../../../lib/encoders/registry.ts';
import * as nn from '../../../lib/nn/index.ts';
import type { OptionsOf, OptionTable } from '../../../lib/options/option.ts';
import { resolveOptions } from '../../../lib/options/resolve.ts';
import type { Tensor } from '../../../lib/tensor/tensor.ts';

const declared = {
  /** Channels of the images. Default 3. */
  inChannels: { type: 'number', default: 3, min: 1, integer: true },
  /** Convolutions of stride 2. Default 2. */
  depth: { type: 'number', default: 2, min: 1, max: 4, integer: true, help: 'convolutions, each halves the image' },
  /** Of the initial weights. */
  seed: { type: 'number', default: 0, min: 0, integer: true },
} as const satisfies OptionTable;

export class ToyNet extends nn.Module {
  override readonly config: { readonly name: string };
  readonly featureDim = 8;
  readonly layers: nn.Sequential;

  constructor(options: OptionsOf<typeof declared>) {
    super();
    const { inChannels, depth, seed } = resolveOptions('toy-net', declared, options);
    this.config = { name: 'toy-net', ...{ inChannels, depth, seed } };
    const convolution = (_: unknown, i: number) =>
      new nn.Conv2d(i === 0 ? inChannels : 8, 8, 3, { stride: 2, padding: 1 });
    this.layers = new nn.Sequential(
      Array.from({ length: depth }, convolution).flatMap((layer) => [layer, new nn.ReLU()]),
    );
  }

  override get isPure(): boolean {
    return true;
  }

  override forward(x: Tensor): Tensor {
    return this.layers.forward(x).mean([2, 3]);
  }
}

registerEncoder('toy-net', (options) => new ToyNet(options), { options: declared });
