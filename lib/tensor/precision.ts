/** The floating-point type of a computation, and which is faster on this machine. */
import { loadAddon } from '../native/addon.ts';
import { guard } from '../native/errors.ts';
import { autocast, withoutModes } from './modes.ts';

/** Of a forward and backward pass; weights and results stay float32. */
export type Precision = 'float32' | 'bfloat16';

/** 'auto': the faster one on this machine for this model, by a short measurement. */
export type PrecisionOption = Precision | 'auto';

export const precisionOptions = ['auto', 'float32', 'bfloat16'] as const satisfies readonly PrecisionOption[];

export const precisionOption = {
  type: 'string',
  choices: precisionOptions,
  default: 'float32',
  help: 'of the forward pass, results are float32; auto: the faster one here',
} as const;

/** Images a second in each. */
export type PrecisionSpeeds = Readonly<Record<Precision, number>>;

export interface PrecisionChoice {
  readonly precision: Precision;
  /** Absent where nothing was measured. */
  readonly speeds?: PrecisionSpeeds;
  /** Why this is not what one would want. */
  readonly warning?: string;
}

/** Runs `fn` with matrix products and convolutions in `precision`. */
export const inPrecision = <T>(precision: Precision, fn: () => T): T =>
  precision === 'bfloat16' ? autocast('bfloat16', fn) : fn();

/** What is known of a device's bfloat16: computed by itself, emulated, or nothing. */
export type Bfloat16 = 'hardware' | 'emulated' | 'unknown';

function bfloat16On(device: string): Bfloat16 {
  if (device.startsWith('cuda')) return 'hardware'; // from Ampere on; before, the measurement sees to it
  if (device !== 'cpu') return 'unknown';
  return guard(() => loadAddon().info()).bfloat16 ? 'hardware' : 'emulated';
}

/** One pass over `images` images, in `precision`; resolves when it is computed. */
export type MeasuredPass = (precision: Precision, images: number) => Promise<void>;

// Chosen so that all of it ends within two seconds, unless a few images alone take longer.
const firstImages = 2;
const growth = 4;
const passMs = 150;
const enoughMs = 1000;
const mostRounds = 5;

/** One pass in each precision; ms an image. */
async function round(pass: MeasuredPass, images: number): Promise<Record<Precision, number>> {
  const timed = async (precision: Precision): Promise<number> => {
    const start = performance.now();
    await pass(precision, images);
    return (performance.now() - start) / images;
  };
  return { float32: await timed('float32'), bfloat16: await timed('bfloat16') };
}

/** The best of a few rounds. The first one of a size fills libtorch's caches, and says whether a larger size is to be had. */
async function measure(pass: MeasuredPass, mostImages: number): Promise<PrecisionSpeeds> {
  const began = performance.now();
  const isLeft = (): boolean => performance.now() - began < enoughMs;
  let images = Math.min(firstImages, mostImages);
  for (;;) {
    const { float32, bfloat16 } = await round(pass, images);
    if (images === mostImages || images * Math.min(float32, bfloat16) >= passMs || !isLeft()) break;
    images = Math.min(mostImages, growth * images);
  }
  const best = await round(pass, images);
  for (let rounds = 1; rounds < mostRounds && isLeft(); rounds++) {
    const { float32, bfloat16 } = await round(pass, images);
    best.float32 = Math.min(best.float32, float32);
    best.bfloat16 = Math.min(best.bfloat16, bfloat16);
  }
  return { float32: 1000 / best.float32, bfloat16: 1000 / best.bfloat16 };
}

let warned = false;

/** Passes a warning on to the process, the first time: for what has no events of its own. */
export function warnOfPrecision({ warning }: PrecisionChoice): void {
  if (warning === undefined || warned) return;
  warned = true;
  process.emitWarning(warning, 'PrecisionWarning');
}

const rate = (imagesPerSecond: number): string =>
  imagesPerSecond < 10 ? imagesPerSecond.toFixed(1) : String(Math.round(imagesPerSecond));

/** A difference that is worth a word. */
const clearly = 1.1;

/**
 * Settles what `asked` comes to on `device`. 'auto' measures where bfloat16 is computed in hardware, and takes float32
 * elsewhere; an emulated 'bfloat16' that was asked for is measured too, and comes with a warning that says how much slower
 * it is.
 * @param mostImages that a pass takes.
 */
export const choosePrecision = (
  asked: PrecisionOption,
  device: string,
  pass: MeasuredPass,
  mostImages: number,
): Promise<PrecisionChoice> => settle(asked, bfloat16On(device), pass, mostImages);

/** As choosePrecision(), where it is known how bfloat16 is computed. */
export async function settle(
  asked: PrecisionOption,
  bfloat16: Bfloat16,
  pass: MeasuredPass,
  mostImages: number,
): Promise<PrecisionChoice> {
  if (asked === 'float32' || (asked === 'auto' && bfloat16 !== 'hardware')) return { precision: 'float32' };
  if (asked === 'bfloat16' && bfloat16 !== 'emulated') return { precision: 'bfloat16' };
  const speeds = await withoutModes(() => measure(pass, mostImages));
  if (asked === 'auto') return { precision: speeds.bfloat16 > speeds.float32 ? 'bfloat16' : 'float32', speeds };
  const factor = speeds.float32 / speeds.bfloat16;
  if (factor < clearly) return { precision: 'bfloat16', speeds };
  const warning = `bfloat16 is emulated on this CPU, and ${factor.toFixed(1)} times slower than float32 for this model (${rate(speeds.bfloat16)} images/s against ${rate(speeds.float32)})`;
  return { precision: 'bfloat16', speeds, warning };
}
