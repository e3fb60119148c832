/** Weights under timm's names (test/fixtures/make_timm.py): the features are those that timm computes with them. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeEncoder } from '../../lib/encoders/all.ts';
import { encodeSafetensors } from '../../lib/files/safetensors.ts';
import { describeLoaded } from '../../lib/nn/weights-file.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import { rawState } from '../../lib/tensor/raw-tensors.ts';
import { expectClose, numbers } from './expect-close.ts';
import { filledState, images } from './formula.ts';

interface Case {
  readonly name: string;
  readonly options: Readonly<Record<string, number>>;
  readonly size: number;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** 64 of each sample, evenly spaced. */
  readonly features: readonly number[];
}

const cases = JSON.parse(
  readFileSync(new URL('../fixtures/encoders/timm.json', import.meta.url), 'utf8'),
) as readonly Case[];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'timm-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(cases.map((each) => [each.name, each] as const))('%s', (name, { options, size, shapes, features }) => {
  it("takes timm's weights", async () => {
    const file = join(folder, `${name}.safetensors`);
    await writeFile(file, encodeSafetensors(await rawState(filledState(shapes))));
    using net = makeEncoder({ name, ...options });
    const report = await net.load(file);
    expect(report).toMatchObject({ naming: expect.stringMatching(/^timm, /), missing: [] });
    for (const leftOut of report.leftOut) expect(leftOut).toMatch(/^(head\.fc|head|conv_head|classifier)\./);
    if (name === 'mobilenet-v3-large')
      expect(describeLoaded(report)).toContain(
        "; 'features.0.1.weight', 'features.1.block.0.1.weight', 'features.1.block.1.1.weight' and 43 more adapted: epsilon 0.00001 to 0.001",
      );
    else expect(report.adapted).toEqual([]);
    const [n, dim] = [4, net.featureDim];
    const values = numbers(noGrad(() => net.eval().forward(images(size))));
    const sampled = Array.from({ length: n * 64 }, (_, i) => values[Math.floor(i / 64) * dim + (i % 64) * (dim / 64)]);
    expectClose(sampled as number[], features, 1e-4);
  });
});
