import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadAddon } from '../../lib/native/addon.ts';
import type { TrainEvent } from '../../lib/train/events.ts';
import type { FitOptions } from '../../lib/train/fit-options.ts';
import { fitPrecision } from '../../lib/train/fit-precision.ts';
import { checkTrainerOptions, type TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { buffersOf, parametersOf } from './one-step.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'precision-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const inHardware = (): boolean => loadAddon().info().bfloat16;
const optionsOf = (options: Partial<TrainerOptions> = {}): TrainerOptions => ({
  ...tinyModels(),
  augment: tinyViews(),
  batchSize: 16,
  epochs: 1,
  ...options,
});

async function eventsOf(options: Partial<TrainerOptions>, fit: FitOptions): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of new Trainer(optionsOf(options)).events(tinyDataset(), fit)) events.push(event);
  return events;
}

describe('the precision of a training', () => {
  it('measuring leaves weights, running statistics and gradients as they were', async () => {
    // What is measured on this machine: a choice, or a wish that is emulated.
    const options = checkTrainerOptions(optionsOf({ precision: inHardware() ? 'auto' : 'bfloat16' }));
    const all = { ...options, precision: 'float32' as const };
    const read = () => Promise.all([...parametersOf(all), ...buffersOf(all)].map((tensor) => tensor.data()));
    const before = await read();
    const { speeds } = await fitPrecision(options, tinyDataset(), undefined);
    expect(speeds?.float32).toBeGreaterThan(0);
    expect(speeds?.bfloat16).toBeGreaterThan(0);
    expect(await read()).toEqual(before);
    for (const parameter of parametersOf(all))
      expect((await parameter.grad?.data())?.every((value) => value === 0) ?? true).toBe(true);
  });

  it('is in the start event and the config, with the speeds where they were measured', async () => {
    const out = join(folder, 'auto');
    const events = await eventsOf({ precision: 'auto' }, { out });
    const start = events.find((event) => event.kind === 'start');
    const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
    const { precision, precisionSpeeds } = start ?? {};
    expect(['float32', 'bfloat16']).toContain(precision);
    expect(config.precision).toBe(precision);
    expect(config.precisionSpeeds).toEqual(precisionSpeeds);
    expect(precisionSpeeds !== undefined).toBe(inHardware());
    expect(events.some(({ kind }) => kind === 'warning')).toBe(false);
  });

  it("is kept by a run that goes on with 'auto'", async () => {
    for (const precision of ['float32', 'bfloat16'] as const) {
      const out = join(folder, `kept-${precision}`);
      await new Trainer(optionsOf({ precision })).fit(tinyDataset(), { out });
      const [start] = await eventsOf({ precision: 'auto', epochs: 2 }, { out, resume: true });
      expect(start).toMatchObject({ kind: 'start', precision });
    }
    const out = join(folder, 'kept-float32');
    const other = new Trainer(optionsOf({ precision: 'bfloat16', epochs: 3 }));
    await expect(other.fit(tinyDataset(), { out, resume: true })).rejects.toThrow(
      /cannot resume: precision was "float32", and is now "bfloat16"/,
    );
  });

  it('a config with another name for it is refused', async () => {
    const out = join(folder, 'named');
    await new Trainer(optionsOf()).fit(tinyDataset(), { out });
    const file = join(out, 'config.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"float32"', '"bf16"'));
    const again = new Trainer(optionsOf({ precision: 'auto', epochs: 2 }));
    await expect(again.fit(tinyDataset(), { out, resume: true })).rejects.toThrow(
      /precision must be 'float32', 'bfloat16' or 'float16', got 'bf16'/,
    );
  });

  it('on a processor without bfloat16, auto is float32, and an explicit bfloat16 warns once with the factor', () => {
    const script = fileURLToPath(new URL('emulated.ts', import.meta.url));
    const env = { ...process.env, ONEDNN_MAX_CPU_ISA: 'avx2', ATEN_CPU_CAPABILITY: 'avx2', OMP_NUM_THREADS: '1' };
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script], { env, encoding: 'utf8' });
    expect(stdout, stderr).toMatch(/^\{/);
    const { trained, embedded, warnings, bfloat16, features } = JSON.parse(stdout);
    expect(trained.auto).toEqual([expect.objectContaining({ kind: 'start', precision: 'float32' })]);
    expect(trained.auto[0]).not.toHaveProperty('precisionSpeeds');
    const [start, ...rest] = trained.bfloat16;
    expect(start).toMatchObject({ precision: 'bfloat16' });
    const { float32, bfloat16: emulated } = start.precisionSpeeds;
    const text = /^bfloat16 is emulated on this CPU, and (\d+\.\d) times slower than float32 for this model/;
    // What was measured decides, and a busy machine may have stopped either.
    const factor = float32 / emulated;
    if (factor > 1.5) expect(rest).toHaveLength(1);
    for (const { kind, message } of rest)
      expect([kind, text.exec(message)?.[1]]).toEqual(['warning', factor.toFixed(1)]);
    expect(embedded).toEqual(['float32', 'bfloat16', 'bfloat16']);
    expect(warnings.length).toBeLessThanOrEqual(1); // of the embedders and extractFeatures: once a process
    for (const warning of warnings) expect(warning).toMatch(text);
    expect(bfloat16).toBe(false);
    expect(features).toEqual([40, 32]);
  });
});
