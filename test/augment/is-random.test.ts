import { expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { gaussianBlur } from '../../lib/augment/gaussian-blur.ts';
import { randomErasing } from '../../lib/augment/random-erasing.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { solarize } from '../../lib/augment/solarize.ts';
import { isRandom, type Transform } from '../../lib/augment/transform.ts';
import { smooth, stepped } from './every-transform.ts';

const input = { height: 40, width: 33, channels: 3 };

/** Whether some of 40 draws are not the same. */
function drawsDiffer(transform: Transform): boolean {
  const pipeline = augment([transform]);
  return new Set(Array.from({ length: 40 }, (_, seed) => JSON.stringify(pipeline.draw(input, { seed })))).size > 1;
}

const others = [solarize(), solarize({ p: 0 }), randomHorizontalFlip({ p: 1 }), gaussianBlur(3, { sigma: 1 })];

test.each([...smooth, ...stepped, ...others])('isRandom is whether draws differ: %o', (transform) => {
  expect(isRandom(transform)).toBe(drawsDiffer(transform));
});

test('isRandom says no of what is never applied', () => {
  expect(isRandom(randomErasing({ p: 0 }))).toBe(false);
});
