/** The model's table in the guide is what the model says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { assumed, rowOf, table } from '../../bench/scaling.ts';
import { root } from './markdown.ts';

it('docs/distributed.md has the table of bench/scaling.ts', () => {
  expect(readFileSync(join(root, 'docs/distributed.md'), 'utf8')).toContain(`\n\n${table()}\n\n`);
});

it('two machines send the gradients once, and wait for little else', () => {
  const row = rowOf(2, assumed);
  expect(row.gradients).toBeCloseTo(111.87, 1); // 2 · 1/2 · 4 bytes of 27.97 million
  expect(row.statistics).toBeCloseTo(0.85, 2);
  expect(row.features).toBeCloseTo(0.197, 3);
  expect(row.efficiency).toBeGreaterThan(0.99);
});
