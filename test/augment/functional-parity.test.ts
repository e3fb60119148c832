import { describe, expect, test } from 'vitest';
import { byteImage, callFunctional, floatImage, isFunctional, largest } from './functional-call.ts';
import { stored } from './parity.ts';

const mine = stored.filter(({ transforms }) => transforms.every(isFunctional));
const names = [...new Set(mine.map(({ name }) => name))];

describe('functional on tensors equals torchvision, explicit parameters', () => {
  test.each(names)('%s', async (name) => {
    for (const { size, channels, transforms, drawn, shape, stride, floats, blob } of mine.filter(
      (entry) => entry.name === name,
    )) {
      const result = transforms.reduce(
        (images, transform, i) => callFunctional(images, transform, drawn[i] as (typeof drawn)[number]),
        floatImage(size, channels),
      );
      const what = JSON.stringify({ size, drawn });
      expect(result.shape, what).toEqual([1, shape[2], shape[0], shape[1]]);
      const values = ((await result.data()) as Float32Array).filter((_, i) => i % stride === 0);
      expect(largest(values, new Float32Array(blob, ...floats)), what).toBeLessThanOrEqual(1e-4);
    }
  });

  const onBytes = mine.filter(({ bytes }) => bytes !== undefined);
  test.each([...new Set(onBytes.map(({ name }) => name))])('%s of bytes, to one level', async (name) => {
    for (const { size, channels, transforms, drawn, stride, bytes, blob } of onBytes.filter(
      (entry) => entry.name === name,
    )) {
      const result = transforms.reduce(
        (images, transform, i) => {
          // What fills is in the images' own values.
          const scaled = 'fill' in transform ? { ...transform, fill: 255 * (transform.fill ?? 0) } : transform;
          return callFunctional(images, scaled, drawn[i] as (typeof drawn)[number]);
        },
        byteImage(size, channels),
      );
      expect(result.dtype).toBe('uint8');
      const values = ((await result.data()) as Uint8Array).filter((_, i) => i % stride === 0);
      const what = JSON.stringify({ size, drawn });
      expect(largest(values, new Uint8Array(blob, ...(bytes as [number, number]))), what).toBeLessThanOrEqual(1);
    }
  });
});
