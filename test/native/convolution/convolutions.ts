/** Convolutions of every kind, for the sweep. */
import { ops, type Tensor, tensor } from '../../../lib/index.ts';
import { type Convolution, convolve, fill, type Geometry, outputSize } from './oracle.ts';
import type { Suite } from './suite.ts';

interface Variant {
  readonly layout: 'contiguous' | 'channels_last';
  readonly dtype: 'float32' | 'bfloat16';
}

const variants: readonly Variant[] = (['contiguous', 'channels_last'] as const).flatMap((layout) =>
  (['float32', 'bfloat16'] as const).map((dtype) => ({ layout, dtype })),
);

const channels = [...Array.from({ length: 17 }, (_, i) => i + 1), 24, 32, 48, 64];

function geometries(): Geometry[] {
  const found: Geometry[] = [];
  for (const kernel of [1, 3, 5, 7])
    for (const stride of [1, 2])
      for (const size of [16, 9])
        for (const inChannels of channels) {
          const shared = { inChannels, kernel, stride, size, batch: 2 };
          for (const outChannels of channels) found.push({ ...shared, outChannels, groups: 1 });
          if (inChannels > 1) found.push({ ...shared, outChannels: inChannels, groups: inChannels });
        }
  // Where libtorch was found to be wrong, more sizes and batches.
  for (const size of [7, 14, 28, 56, 112])
    for (const batch of [1, 4])
      for (const inChannels of [3, 6, 8, 12, 16, 24])
        for (const outChannels of [2, 12, 64])
          found.push({ inChannels, outChannels, kernel: 1, stride: 2, groups: 1, size, batch });
  // As in the last stages of an encoder: images of a few pixels.
  for (const size of [1, 2, 3, 4, 5])
    for (const kernel of [1, 3, 5, 7])
      for (const stride of [1, 2])
        for (const inChannels of [3, 16, 128])
          for (const outChannels of [8, 64])
            for (const batch of [1, 16])
              found.push({ inChannels, outChannels, kernel, stride, groups: 1, size, batch });
  // Batches that are large enough for native/nn/winograd.cc.
  for (const size of [4, 5, 7, 14])
    for (const inChannels of [16, 48, 128])
      for (const outChannels of [32, 80])
        found.push({ inChannels, outChannels, kernel: 3, stride: 1, groups: 1, size, batch: 16 });
  return found;
}

const cases: readonly Geometry[] = geometries();

/** A tensor of (a, b, c, c) row-major values in a layout, and how to read values of its shape back in that order. */
function laidOut(values: Int32Array, [a, b, c]: readonly [number, number, number], { layout, dtype }: Variant): Tensor {
  using plain = tensor(Float32Array.from(values)).reshape([a, b, c, c]);
  using cast = plain.to(dtype);
  if (layout === 'contiguous') return cast.clone();
  using last = cast.permute([0, 2, 3, 1]).contiguous();
  return last.permute([0, 3, 1, 2]).detach();
}

/**
 * Nothing may differ in float32, in which whole numbers are exact. In bfloat16 libtorch rounds sums of parts: what differs by
 * more than a thirty-second of the largest value is no rounding.
 */
function wrong(name: string, got: ArrayLike<number>, want: Int32Array, dtype: Variant['dtype']): string | undefined {
  if (got.length !== want.length) return `${name} has ${got.length} values, not ${want.length}`;
  const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  const allowed = dtype === 'float32' ? 0 : largest / 32;
  let bad = 0;
  let example = '';
  for (let i = 0; i < want.length; i++) {
    const [is, should] = [got[i] as number, want[i] as number];
    if (Math.abs(is - should) <= allowed) continue;
    if (bad++ === 0) example = `${is} where ${should} is right`;
  }
  return bad === 0 ? undefined : `${name}: ${bad} of ${want.length} wrong, ${example}`;
}

/** Runs one case; what is wrong with the result, or undefined. */
async function check(geometry: Geometry, variant: Variant, expected: Convolution): Promise<string | undefined> {
  const { inChannels, outChannels, kernel, stride, groups, size, batch } = geometry;
  const out = outputSize(geometry);
  using input = laidOut(inputOf(geometry), [batch, inChannels, size], variant);
  using weight = laidOut(weightOf(geometry), [outChannels, inChannels / groups, kernel], variant);
  using gradient = laidOut(gradientOf(geometry), [batch, outChannels, out], variant);
  input.requiresGrad = true;
  weight.requiresGrad = true;
  using output = ops.conv2d(input, weight, { stride, padding: Math.floor(kernel / 2), dilation: 1, groups });
  output.backward(gradient);
  using inputGradient = input.grad as Tensor;
  using weightGradient = weight.grad as Tensor;
  const [y, dx, dw] = await Promise.all([output.data(), inputGradient.data(), weightGradient.data()]);
  return (
    wrong('output', y as Float32Array, expected.output, variant.dtype) ??
    wrong('gradient of the input', dx as Float32Array, expected.inputGradient, variant.dtype) ??
    wrong('gradient of the weight', dw as Float32Array, expected.weightGradient, variant.dtype)
  );
}

const inputOf = ({ batch, inChannels, size }: Geometry): Int32Array => fill(batch * inChannels * size * size, 1);
const weightOf = ({ inChannels, outChannels, groups, kernel }: Geometry): Int32Array =>
  fill(((outChannels * inChannels) / groups) * kernel * kernel, 2);
const gradientOf = (geometry: Geometry): Int32Array =>
  fill(geometry.batch * geometry.outChannels * outputSize(geometry) ** 2, 3);

const expected = (geometry: Geometry): Convolution =>
  convolve(geometry, inputOf(geometry), weightOf(geometry), gradientOf(geometry));

let last: { readonly geometry: Geometry; readonly result: Convolution } | undefined;

/** Runs that follow each other are the variants of one geometry, which the loops compute once. */
export const convolutions: Suite = {
  count: cases.length * variants.length,
  describe(run) {
    const { inChannels, outChannels, kernel, stride, groups, size, batch } = geometryOf(run);
    const { layout, dtype } = variantOf(run);
    return {
      kind: `${kernel}x${kernel} stride ${stride}${groups > 1 ? ' depthwise' : ''} ${layout} ${dtype}`,
      numbers: { in: inChannels, out: outChannels, size, batch },
    };
  },
  check(run) {
    const geometry = geometryOf(run);
    if (last?.geometry !== geometry) last = { geometry, result: expected(geometry) };
    return check(geometry, variantOf(run), last.result);
  },
};

const geometryOf = (run: number): Geometry => cases[Math.floor(run / variants.length)] as Geometry;
const variantOf = (run: number): Variant => variants[run % variants.length] as Variant;
