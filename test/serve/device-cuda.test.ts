/** Serving on a device: what it answers is the CPU's, beside a training, and no stream waits. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createEmbedder } from '../../lib/serve/embedder.ts';
import { createClassifier } from '../../lib/serve/image-classifier.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { alive, collect } from '../collect.ts';
import { describeOnDevice } from '../device/describe-on-device.ts';
import { takeLog, device as there, waitsOfStreams } from '../device/device.ts';
import { tinyDataset, tinyModels, tinyViews } from '../train/tiny.ts';
import { writeTinyRun } from './tiny-run.ts';

const imageOf = (seed: number) => ({
  data: Uint8Array.from({ length: 16 * 20 * 3 }, (_, i) => 128 + 120 * Math.sin(seed + 0.01 * (seed + 1) * i)),
  width: 20,
  height: 16,
  channels: 3 as const,
});
const images = Array.from({ length: 5 }, (_, i) => imageOf(i));

let folder: string;
let checkpoint: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serve-device-'));
  checkpoint = await writeTinyRun(folder, { classes: ['rose', 'tulip', 'daisy'] });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function expectClose(found: readonly Float32Array[], expected: readonly Float32Array[]): void {
  expect(found).toHaveLength(expected.length);
  for (const [i, vector] of found.entries())
    for (const [j, value] of vector.entries())
      expect(Math.abs(value - (expected[i]?.[j] as number))).toBeLessThan(5e-3);
}

describeOnDevice(() => {
  it('vectors are those of the CPU, alone and in a batch; what comes and goes is pinned, and nobody waits', async () => {
    await using here = await createEmbedder({ checkpoint });
    await using embedder = await createEmbedder({ checkpoint, device: there });
    expect(embedder.info.device).toBe(there);
    const expected = await here.embed(images);
    await embedder.embed(images); // records the pass for batches of this size
    await sync();
    takeLog();
    const batch = await embedder.embed(images);
    const log = takeLog();
    expectClose(batch, expected);
    expectClose([await embedder.embed(imageOf(3))], expected.slice(3, 4));
    if (!log) return;
    expect([waitsOfStreams(log), log.races]).toEqual([[], []]);
    expect([log.waits, log.copies['to host']]).toEqual([[], 1]);
    expect(Object.keys(log.launches)).toHaveLength(1);
  });

  it('a classifier names what it names on the CPU', async () => {
    const named = async (device: string) => {
      await using classifier = await createClassifier({ checkpoint, device });
      return await classifier.classify(images);
    };
    const [found, here] = [await named(there), await named('cpu')];
    expect(found.map(({ class: name }) => name)).toEqual(here.map(({ class: name }) => name));
    expectClose(
      found.map(({ probabilities }) => Float32Array.from(probabilities)),
      here.map(({ probabilities }) => Float32Array.from(probabilities)),
    );
  });

  it('beside a training, requests have a queue of their own', async () => {
    await using embedder = await createEmbedder({ checkpoint, device: there });
    const alone = await embedder.embed(images);
    const trainer = new Trainer({ ...tinyModels(), augment: tinyViews(), batchSize: 8, epochs: 2, device: there });
    const logs = [];
    for await (const event of trainer.events(tinyDataset())) {
      if (event.kind !== 'step') continue;
      takeLog();
      expectClose(await embedder.embed(images), alone);
      logs.push(takeLog());
    }
    expect(logs).toHaveLength(10);
    for (const log of logs.slice(3)) expect([waitsOfStreams(log), log?.races ?? []]).toEqual([[], []]);
    if (logs[0]) expect(logs.some((log) => Object.keys(log?.launches ?? {}).length === 2)).toBe(true);
  });

  it('calls that are aborted, or under way at the end, leave nothing', async () => {
    await sync();
    await collect();
    const before = alive();
    takeLog();
    const bytes = takeLog()?.bytes;
    const embedder = await createEmbedder({ checkpoint, device: there });
    const controller = new AbortController();
    const aborted = embedder.embed(images, { signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const under = embedder.embed(images);
    const closed = expect(under).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await embedder.close({ signal: AbortSignal.abort() });
    await closed;
    await sync();
    await collect();
    expect(alive()).toEqual(before);
    expect(takeLog()?.bytes).toBe(bytes);
  });
});
