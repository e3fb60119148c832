/** What happens to an image before the encoder: told in the file's metadata, and its last step in the graph if wanted. */
import { type EvaluationOptions, presets } from '../augment/presets.ts';
import { OptionError } from '../errors.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';

/** Steps of `presets.evaluation`, in the order in which they are applied. */
export interface Preprocessing {
  /** Of the channels, in their order. */
  readonly colors: 'RGB' | 'gray';
  /** 1. The shorter side is scaled to this many pixels, the longer one to ⌊this · longer / shorter⌋, bilinear and antialiased. */
  readonly resizeShorterSide: number;
  /** 2. The side of the square that is cut from the centre, in pixels. */
  readonly centerCrop: number;
  /** 3. For each channel, (byte / 255 − mean) / std. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** @throws {OptionError} options that `presets.evaluation` refuses, or that do not fit the encoder's channels. */
export function preprocessingOf(options: EvaluationOptions, channels: number): Preprocessing {
  const { transforms, channels: given = channels } = presets.evaluation(options);
  if (given !== channels) throw new OptionError(`input.channels must be the encoder's ${channels}, got ${given}`);
  if (channels !== 1 && channels !== 3)
    throw new OptionError(`input is of images of 1 or 3 channels, the encoder takes ${channels}`);
  const find = <K extends string>(kind: K) => transforms.find((each) => each.kind === kind);
  const [resize, crop, normalize] = [find('resize'), find('centerCrop'), find('normalize')];
  if (resize?.kind !== 'resize' || crop?.kind !== 'centerCrop' || normalize?.kind !== 'normalize')
    throw new Error('presets.evaluation resizes, crops and normalises');
  const spread = (name: string, values: readonly number[]): readonly number[] => {
    if (values.length === channels) return values;
    if (values.length === 1) return new Array<number>(channels).fill(values[0] as number);
    throw new OptionError(`input.${name} must have a number for each of ${channels} channels, got ${values.length}`);
  };
  return {
    colors: channels === 3 ? 'RGB' : 'gray',
    resizeShorterSide: resize.size as number,
    centerCrop: crop.size[0],
    mean: spread('mean', normalize.mean),
    std: spread('std', normalize.std),
  };
}

/** What normalizeBytes() multiplies with and adds, float32 (channels, 1, 1). */
export function byteNormalization({ mean, std }: Preprocessing): { readonly scale: Tensor; readonly offset: Tensor } {
  const shape = [mean.length, 1, 1];
  const scale = Float32Array.from(std, (deviation) => 1 / (255 * deviation));
  const offset = Float32Array.from(mean, (value, c) => -value / (std[c] as number));
  return { scale: tensor(scale, { shape }), offset: tensor(offset, { shape }) };
}

/** uint8 (batch, height, width, channels) → float32 (batch, channels, height, width), normalised. */
export function normalizeBytes(images: Tensor, { scale, offset }: ReturnType<typeof byteNormalization>): Tensor {
  return images.to('float32').permute([0, 3, 1, 2]).mul(scale).add(offset);
}
