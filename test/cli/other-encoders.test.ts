/** Encoders other than ResNets, by the commands: an epoch at 64 pixels, an export, and a service that answers alike. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify from 'fastify';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command as exportCommand } from '../../lib/cli/export.ts';
import { command as trainCommand } from '../../lib/cli/train.ts';
import { createEmbedder } from '../../lib/serve/embedder.ts';
import { embeddingService } from '../../lib/serve/service.ts';
import { expectClose } from '../encoders/expect-close.ts';
import { runOnnx } from '../export/onnx-runtime.ts';
import { runWith } from './run-cli.ts';

const size = 64;
const few = ['--limit-train', '8', '--limit-test', '10', '--batch-size', '4', '--epochs', '1', '--precision', 'fp32'];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'other-encoders-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...words: string[]): Promise<void> {
  const { code, stderr } = await runWith([trainCommand, exportCommand], words);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('error')]);
}

/** Over HTTP. */
async function served(checkpoint: string, image: Buffer): Promise<number[]> {
  await using embedder = await createEmbedder({ checkpoint });
  const app = Fastify();
  app.register(embeddingService(embedder));
  const headers = { 'content-type': 'image/png' };
  const response = await app.inject({ method: 'POST', url: '/embed', payload: image, headers });
  await app.close();
  return (response.json() as { embedding: number[] }).embedding;
}

describe.each([
  ['vit-s-16', ['--width', '64'], 64],
  ['convnext-t', ['--width', '8'], 64],
  ['mobilenet-v3-large', [], 960],
  ['efficientnet-b0', [], 1280],
] as const)('%s', (name, options, featureDim) => {
  it('is trained, exported and served', { timeout: 30_000 }, async () => {
    const [out, model] = [join(folder, name), join(folder, `${name}.onnx`)];
    const encoder = ['--encoder', name, ...options, '--size', String(size)];
    await run('train', 'fashion-mnist:bundled', '--method', 'simclr', ...encoder, ...few, '--out', out);
    await run('export', out, '--out', model, '--input-type', 'uint8');
    const pixels = Uint8Array.from({ length: size * size * 3 }, (_, i) => (i * 37 + (i % 64) * 11) % 256);
    const { values } = await runOnnx(model, pixels, [1, size, size, 3]);
    const image = await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
      .png()
      .toBuffer();
    const embedding = await served(out, image);
    expect(embedding).toHaveLength(featureDim);
    expectClose(embedding, [...values], 1e-4);
  });
});
