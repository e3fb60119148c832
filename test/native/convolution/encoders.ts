/** Encoders of many widths, for the sweep: features and all gradients beside the same network in float64, written with operations. */
import { autocast, noGrad, ops, resnet18, resnet50, type Tensor, tensor, tidy } from '../../../lib/index.ts';
import { fill } from './oracle.ts';
import type { Suite } from './suite.ts';

interface Case {
  readonly name: 'resnet18' | 'resnet50';
  readonly stem: 'cifar' | 'imagenet';
  readonly width: number;
  readonly size: number;
}

const widths = [...Array.from({ length: 17 }, (_, i) => i + 1), 24, 32, 48, 64];
const cases: readonly Case[] = (['resnet18', 'resnet50'] as const).flatMap((name) =>
  (['cifar', 'imagenet'] as const).flatMap((stem) =>
    widths.flatMap((width) => (stem === 'cifar' ? [16, 28] : [64]).map((size) => ({ name, stem, width, size }))),
  ),
);
const batch = 4;
const make = { resnet18, resnet50 };
const blocks = { resnet18: [2, 2, 2, 2], resnet50: [3, 4, 6, 3] };

/**
 * The network of He et al. 2016 as torchvision has it (stride in the 3 x 3 of a bottleneck), in training mode. libtorch computes
 * float64 by its own loops and matrix products, which oneDNN has no part in.
 */
function reference({ name, stem }: Case, weights: ReadonlyMap<string, Tensor>, images: Tensor): Tensor {
  const weight = (key: string): Tensor => weights.get(key) as Tensor;
  const convolution = (x: Tensor, key: string, stride: number): Tensor => {
    const w = weight(`${key}.weight`);
    return ops.conv2d(x, w, { stride, padding: Math.floor((w.shape[2] as number) / 2) });
  };
  const normalised = (x: Tensor, key: string): Tensor =>
    ops.batchNorm(x, {
      weight: weight(`${key}.weight`),
      bias: weight(`${key}.bias`),
      training: true,
      momentum: 0.1,
      eps: 1e-5,
    });
  const depth = name === 'resnet50' ? 3 : 2;
  const strided = name === 'resnet50' ? 2 : 1;
  const block = (x: Tensor, key: string, stride: number): Tensor => {
    let y = x;
    for (let i = 1; i <= depth; i++) {
      y = normalised(convolution(y, `${key}.conv${i}`, i === strided ? stride : 1), `${key}.bn${i}`);
      if (i < depth) y = y.relu();
    }
    const shortcut = weights.has(`${key}.downsample.0.weight`)
      ? normalised(convolution(x, `${key}.downsample.0`, stride), `${key}.downsample.1`)
      : x;
    return y.add(shortcut).relu();
  };
  let x = normalised(convolution(images, 'conv1', stem === 'imagenet' ? 2 : 1), 'bn1').relu();
  if (stem === 'imagenet') x = ops.maxPool2d(x, 3, 2, 1);
  for (const [stage, count] of blocks[name].entries())
    for (let i = 0; i < count; i++) x = block(x, `layer${stage + 1}.${i}`, stage > 0 && i === 0 ? 2 : 1);
  return x.mean([2, 3]);
}

const norm = (x: ArrayLike<number>): number => Math.sqrt(Array.from(x).reduce((sum, value) => sum + value * value, 0));
const difference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  norm(Array.from(a, (value, i) => value - (b[i] as number)));

const values = async (x: Tensor): Promise<ArrayLike<number>> => (await x.data()) as Float32Array;

async function check(of: Case): Promise<string | undefined> {
  const { name, stem, width, size } = of;
  const encoder = make[name]({ stem, width, seed: width });
  try {
    return await tidy(async () => {
      const pixels = fill(batch * 3 * size * size, 4);
      const images = tensor(Float32Array.from(pixels)).reshape([batch, 3, size, size]);
      images.requiresGrad = true;
      const exact = tensor(Float64Array.from(pixels)).reshape([batch, 3, size, size]);
      exact.requiresGrad = true;
      const weights = new Map<string, Tensor>();
      for (const [key, parameter] of encoder.namedParameters()) {
        const copy = noGrad(() => parameter.to('float64'));
        copy.requiresGrad = true;
        weights.set(key, copy);
      }
      const features = encoder.forward(images);
      const gradient = tensor(Float32Array.from(fill(batch * encoder.featureDim, 5))).reshape([
        batch,
        encoder.featureDim,
      ]);
      features.backward(gradient);
      const wanted = reference(of, weights, exact);
      wanted.backward(gradient.to('float64'));
      const pairs: [string, Tensor, Tensor][] = [
        ['gradient of the images', images.grad as Tensor, exact.grad as Tensor],
      ];
      for (const [key, parameter] of encoder.namedParameters())
        pairs.push([`gradient of ${key}`, parameter.grad as Tensor, weights.get(key)?.grad as Tensor]);
      const read = await Promise.all(
        pairs.map(async ([what, got, want]) => ({ what, got: await values(got), want: await values(want) })),
      );
      const wantedFeatures = await values(wanted);
      const far = difference(await values(features), wantedFeatures) / norm(wantedFeatures);
      if (!(far <= 1e-3)) return `features: off by ${far.toPrecision(2)} of their norm`;
      // Few channels make some gradients vanish against the rest, and a ReLU near zero falls to the other side in float32.
      const all = norm(read.map(({ want }) => norm(want)));
      for (const { what, got, want } of read) {
        const off = difference(got, want);
        if (!(off <= 0.3 * norm(want) + 0.01 * all))
          return `${what}: off by ${off.toPrecision(2)}, its norm is ${norm(want).toPrecision(2)}`;
      }
      // bfloat16 has two to three digits, of which a deep network keeps fewer: what is looked for is a crash, or nonsense.
      const low = autocast('bfloat16', () => encoder.forward(images)).to('float32');
      low.backward(gradient);
      const lower = difference(await values(low), wantedFeatures) / norm(wantedFeatures);
      return lower <= 0.5 ? undefined : `features in bfloat16: off by ${lower.toPrecision(2)} of their norm`;
    });
  } finally {
    encoder.dispose();
  }
}

export const encoders: Suite = {
  count: cases.length,
  describe(run) {
    const { name, stem, width, size } = cases[run] as Case;
    return { kind: `${name}, stem ${stem}`, numbers: { width, size } };
  },
  check: (run) => check(cases[run] as Case),
};
