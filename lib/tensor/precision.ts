/** The floating-point type of a computation, and which is faster on this machine. */
import { loadAddon } from '../native/addon.ts';
import { guard } from '../native/errors.ts';
import { autocast, withoutModes } from './modes.ts';

type LowPrecision = 'bfloat16' | 'float16';

/** Of a forward and backward pass; weights and results stay float32. */
export type Precision = 'float32' | LowPrecision;

/** 'auto': bfloat16 where it is clearly faster on this machine for this model, by a short measurement; else float32. */
export type PrecisionOption = Precision | 'auto';

export const precisionOptions = [
  'auto',
  'float32',
  'bfloat16',
  'float16',
] as const satisfies readonly PrecisionOption[];

export const precisionOption = {
  type: 'string',
  choices: precisionOptions,
  default: 'float32',
  help: 'of the forward pass, results are float32; auto: bfloat16 where it is clearly faster here, else float32',
} as const;

/** Images a second in float32 and the one that it was compared with. */
export type PrecisionSpeeds = { readonly float32: number } & { readonly [P in LowPrecision]?: number };

export interface PrecisionChoice {
  readonly precision: Precision;
  /** Absent where nothing was measured. */
  readonly speeds?: PrecisionSpeeds;
  /** Why this is not what one would want. */
  readonly warning?: string;
}

/** Runs `fn` with matrix products and convolutions in `precision`. */
export const inPrecision = <T>(precision: Precision, fn: () => T): T =>
  precision === 'float32' ? fn() : autocast(precision, fn);

/** What is known of a low precision on a device: computed by itself, emulated, or nothing. */
export type Support = 'hardware' | 'emulated' | 'unknown';

function supportOf(precision: LowPrecision, device: string): Support {
  if (device.startsWith('cuda')) return 'hardware'; // bfloat16 from Ampere on; before, the measurement sees to it
  if (device !== 'cpu') return 'unknown';
  return precision === 'bfloat16' && guard(() => loadAddon().info()).bfloat16 ? 'hardware' : 'emulated';
}

/** One pass over `images` images, in `precision`; resolves when it is computed. */
export type MeasuredPass = (precision: Precision, images: number) => Promise<void>;

// Chosen so that all of it ends within two seconds, unless a few images alone take longer.
const firstImages = 2;
const growth = 4;
const passMs = 150;
const enoughMs = 1000;
const mostRounds = 5;

/** Of each, by one pass or the best of several: ms an image. */
interface Times {
  readonly float32: number;
  readonly low: number;
}

async function round(pass: MeasuredPass, low: LowPrecision, images: number): Promise<Times> {
  const timed = async (precision: Precision): Promise<number> => {
    const start = performance.now();
    await pass(precision, images);
    return (performance.now() - start) / images;
  };
  return { float32: await timed('float32'), low: await timed(low) };
}

/** The best of a few rounds. The first one of a size fills libtorch's caches, and says whether a larger size is to be had. */
async function measure(pass: MeasuredPass, low: LowPrecision, mostImages: number): Promise<Times> {
  const began = performance.now();
  const isLeft = (): boolean => performance.now() - began < enoughMs;
  let images = Math.min(firstImages, mostImages);
  for (;;) {
    const times = await round(pass, low, images);
    if (images === mostImages || images * Math.min(times.float32, times.low) >= passMs || !isLeft()) break;
    images = Math.min(mostImages, growth * images);
  }
  let best = await round(pass, low, images);
  for (let rounds = 1; rounds < mostRounds && isLeft(); rounds++) {
    const times = await round(pass, low, images);
    best = { float32: Math.min(best.float32, times.float32), low: Math.min(best.low, times.low) };
  }
  return best;
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

/** A ratio of times that is no noise: what is worth a word, or fewer digits. */
const clearly = 1.1;

/**
 * Settles what `asked` comes to on `device`. 'auto' measures where bfloat16 is computed in hardware, and takes float32
 * elsewhere; a low precision that was asked for and is emulated is measured too, and comes with a warning that says how much
 * slower it is.
 * @param mostImages that a pass takes.
 */
export function choosePrecision(
  asked: PrecisionOption,
  device: string,
  pass: MeasuredPass,
  mostImages: number,
): Promise<PrecisionChoice> {
  const low = asked === 'float16' ? asked : 'bfloat16';
  return settle(asked, supportOf(low, device), pass, mostImages);
}

/** As choosePrecision(), where it is known how the low precision is computed. */
export async function settle(
  asked: PrecisionOption,
  support: Support,
  pass: MeasuredPass,
  mostImages: number,
): Promise<PrecisionChoice> {
  if (asked === 'float32' || (asked === 'auto' && support !== 'hardware')) return { precision: 'float32' };
  if (asked !== 'auto' && support !== 'emulated') return { precision: asked };
  const low = asked === 'auto' ? 'bfloat16' : asked;
  const times = await withoutModes(() => measure(pass, low, mostImages));
  const speeds: PrecisionSpeeds = { float32: 1000 / times.float32, [low]: 1000 / times.low };
  const factor = times.low / times.float32;
  if (asked === 'auto') return { precision: factor * clearly < 1 ? low : 'float32', speeds };
  if (factor < clearly) return { precision: low, speeds };
  const warning = `${low} is emulated on this CPU, and ${factor.toFixed(1)} times slower than float32 for this model (${rate(1000 / times.low)} images/s against ${rate(speeds.float32)})`;
  return { precision: low, speeds, warning };
}
