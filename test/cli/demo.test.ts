import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command } from '../../lib/cli/demo.ts';
import { queriesOf } from '../../lib/cli/examine.ts';
import { type Ran, runWith } from './run-cli.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'demo-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const few = ['--epochs', '1', '--limit-train', '128', '--limit-test', '50'];
const demo = (args: string[], signal?: AbortSignal): Promise<Ran> =>
  runWith([command], ['demo', ...few, ...args], signal ? { signal } : {});

describe('contrastive demo', () => {
  it('compares four encoders and writes the report whole', async () => {
    const out = join(folder, 'new', 'report.html');
    const { code, stdout, stderr } = await demo(['--out', out, '--json', '--threads', '1']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const plan = { kind: 'plan', imagesPerSecond: expect.any(Number), images: 128, epochs: 1 };
    expect(records[0]).toEqual({ ...plan, precision: expect.stringMatching(/^(float32|bfloat16)$/) });
    for (const { precision } of records.filter(({ kind }) => kind === 'start'))
      expect(precision).toBe(records[0].precision);
    const trained = ['SimCLR', 'SupCon (out)', 'SupCon (in)'];
    expect(records.filter(({ kind }) => kind === 'end').map(({ method }) => method)).toEqual(trained);
    const result = records.at(-1);
    expect(result).toMatchObject({ kind: 'result', report: out });
    expect(result.encoders.map(({ name }: { name: string }) => name)).toEqual(['Untrained', ...trained]);
    for (const { knnTop1, linearTop1 } of result.encoders) {
      expect(knnTop1).toBeGreaterThan(0.2); // 0.1 is chance
      expect(linearTop1).toBeGreaterThan(0.2);
    }
    for (const encoder of result.encoders.slice(1)) expect(encoder.samplesPerSecond).toBeGreaterThan(0);
    const page = await readFile(out, 'utf8');
    for (const name of trained) expect(page).toContain(name);
    for (const id of ['results', 'curves', 'maps', 'classes', 'mistakes', 'gallery'])
      expect(page).toContain(`<h2 id="${id}">`);
    expect(page).toContain('Ankle boot');
    expect(await readdir(join(folder, 'new'))).toEqual(['report.html']);
  });

  it('prints a line as each is done and the table at the end', async () => {
    const out = join(folder, 'text.html');
    const { code, stdout } = await demo(['--out', out]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^[\d,]+ images\/s in (float32|bfloat16) here: 1 epoch of 128 images for each method, about \S.* of training in all \(--epochs and --limit-train choose otherwise\)\n/,
    );
    expect(stdout).toMatch(/\nSimCLR +kNN \d+\.\d% {2}linear probe \d+\.\d% {2}loss \d/);
    expect(stdout).toMatch(/ +kNN {2}linear probe\nUntrained .*\nSimCLR .*\nSupCon \(out\) .*\nSupCon \(in\) .*\n/);
    expect(stdout).toContain(`open the report: ${out}`);
  });

  it('refuses a place that cannot be written before it trains, and writes nothing when it is stopped', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    const ran = await demo(['--out', join(file, 'report.html')]);
    expect(ran).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/cannot be made.*\[ERR_DATA\]/) });
    const stopped = await demo(['--out', join(folder, 'stopped.html')], AbortSignal.abort('SIGINT'));
    expect(stopped).toMatchObject({ code: 130, stderr: expect.stringContaining('the operation was aborted') });
    expect(await readdir(folder)).not.toContain('stopped.html');
    expect(await runWith([command], ['demo', '--epoch', '2'])).toMatchObject({ code: 2 });
  });
});

it('queriesOf takes the first image of each class, by class', () => {
  expect(queriesOf([2, 2, 0, 1, 0])).toEqual([2, 3, 0]);
});
