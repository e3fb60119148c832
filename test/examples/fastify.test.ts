import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { buildServer } from '../../examples/fastify-embedder.ts';
import { createEmbedder } from '../../lib/serve/embedder.ts';
import { writeTinyRun } from '../serve/tiny-run.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixture = (name: string): Promise<Buffer> => readFile(join(root, 'test/fixtures/data/images', name));

let folder: string;
let checkpoint: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fastify-'));
  checkpoint = await writeTinyRun(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the application', () => {
  it('has the routes of the service, with its options', async () => {
    const embedder = await createEmbedder({ checkpoint });
    const app = buildServer(embedder, { maxImageBytes: 5000 });
    onTestFinished(() => app.close());
    const send = (payload: Buffer) =>
      app.inject({ method: 'POST', url: '/embed', payload, headers: { 'content-type': 'image/png' } });
    const image = await fixture('rgb.png');
    const expected = { dim: 32, embedding: Array.from(await embedder.embed(image)) };
    expect((await send(image)).json()).toEqual(expected);
    expect((await send(Buffer.alloc(5001))).statusCode).toBe(413);
    await app.close();
    await expect(embedder.embed(image)).rejects.toMatchObject({ code: 'ERR_STATE' });
  });
});

/** Lines of the log, until `done` finds what it looks for in one. */
async function untilLine<T>(child: ChildProcess, done: (line: string) => T | undefined): Promise<T> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const found = done(line);
    if (found !== undefined) return found;
  }
  throw new Error('the server ended early');
}

describe('the program', () => {
  it('listens, embeds, and on SIGTERM ends by itself', async () => {
    const args = ['--import', 'tsx', 'examples/fastify-embedder.ts', '--run', checkpoint, '--port', '0'];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const url = await untilLine(child, (line) => /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]);
    const body = new Uint8Array(await fixture('rgb.jpg'));
    const response = await fetch(`${url}/embed`, { method: 'POST', body, headers: { 'content-type': 'image/jpeg' } });
    const { dim, embedding } = (await response.json()) as { dim: number; embedding: number[] };
    expect([response.status, dim]).toEqual([200, 32]);
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });
});
