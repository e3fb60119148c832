import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type MeasuredPass, type Precision, settle } from '../../lib/tensor/precision.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

type Ms = Partial<Record<Precision, number>>;

/** A pass that takes so many milliseconds an image, by the test's own clock; and how many images it was asked for. */
function passOf(msAnImage: Ms): {
  pass: MeasuredPass;
  images: { float32: number[]; bfloat16: number[]; float16: number[] };
} {
  const images: Record<Precision, number[]> = { float32: [], bfloat16: [], float16: [] };
  const pass: MeasuredPass = async (precision, count) => {
    images[precision].push(count);
    vi.advanceTimersByTime((msAnImage[precision] as number) * count);
  };
  return { pass, images };
}

describe('which precision a model is computed in', () => {
  it('auto takes the faster one, with both speeds', async () => {
    for (const faster of ['float32', 'bfloat16'] as const) {
      const { pass } = passOf({ float32: 2, bfloat16: 2, [faster]: 1 });
      const { precision, speeds, warning } = await settle('auto', 'hardware', pass, 16);
      expect({ precision, warning }).toEqual({ precision: faster, warning: undefined });
      const other = faster === 'float32' ? 'bfloat16' : 'float32';
      expect(speeds).toEqual({ [faster]: 1000, [other]: 500 });
    }
  });

  it('auto takes bfloat16 only where it is faster by more than noise', async () => {
    const precisionAt = async (gain: number) => {
      const { pass } = passOf({ float32: 60 * gain, bfloat16: 60 });
      return (await settle('auto', 'hardware', pass, 1)).precision;
    };
    expect(await precisionAt(1.05)).toBe('float32');
    expect(await precisionAt(1.2)).toBe('bfloat16');
  });

  it('auto measures nothing where bfloat16 is emulated, and a plain wish is a plain answer', async () => {
    const { pass, images } = passOf({ float32: 1, bfloat16: 1 });
    expect(await settle('auto', 'emulated', pass, 16)).toEqual({ precision: 'float32' });
    expect(await settle('float32', 'hardware', pass, 16)).toEqual({ precision: 'float32' });
    expect(await settle('float32', 'emulated', pass, 16)).toEqual({ precision: 'float32' });
    expect(await settle('bfloat16', 'hardware', pass, 16)).toEqual({ precision: 'bfloat16' });
    expect(await settle('auto', 'unknown', pass, 16)).toEqual({ precision: 'float32' });
    expect(await settle('bfloat16', 'unknown', pass, 16)).toEqual({ precision: 'bfloat16' });
    expect(await settle('float16', 'hardware', pass, 16)).toEqual({ precision: 'float16' });
    expect(images).toEqual({ float32: [], bfloat16: [], float16: [] });
  });

  it('an emulated bfloat16 is taken when it is asked for, and says how much slower it is', async () => {
    const { pass } = passOf({ float32: 4, bfloat16: 50 });
    const { precision, warning } = await settle('bfloat16', 'emulated', pass, 16);
    expect(precision).toBe('bfloat16');
    expect(warning).toBe(
      'bfloat16 is emulated on this CPU, and 12.5 times slower than float32 for this model (20 images/s against 250)',
    );
    const half = await settle('float16', 'emulated', passOf({ float32: 4, float16: 8 }).pass, 16);
    expect(half).toMatchObject({ precision: 'float16', speeds: { float32: 250, float16: 125 } });
    expect(half.warning).toMatch(/^float16 is emulated on this CPU, and 2.0 times slower than float32/);
    const quick = passOf({ float32: 2, bfloat16: 1 });
    expect((await settle('bfloat16', 'emulated', quick.pass, 16)).warning).toBeUndefined();
  });

  it('passes are large enough to be told apart, never larger than allowed, and few where they take long', async () => {
    const quick = passOf({ float32: 1, bfloat16: 1 });
    await settle('auto', 'hardware', quick.pass, 24);
    expect(Math.max(...quick.images.float32)).toBe(24);
    const one = passOf({ float32: 1, bfloat16: 1 });
    await settle('auto', 'hardware', one.pass, 1);
    expect(new Set(one.images.bfloat16)).toEqual(new Set([1]));
    const slow = passOf({ float32: 300, bfloat16: 300 });
    await settle('auto', 'hardware', slow.pass, 64);
    expect(slow.images.float32).toEqual([2, 2]);
    // The slower precision does not keep the passes small in which the faster one is judged.
    const uneven = passOf({ float32: 1, bfloat16: 8 });
    await settle('auto', 'hardware', uneven.pass, 32);
    expect(uneven.images.float32.at(-1)).toBe(32);
  });
});
