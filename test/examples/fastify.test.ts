import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { buildServer, type ServerOptions } from '../../examples/fastify-embedder.ts';
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

async function serve(options: ServerOptions = {}) {
  const embedder = await createEmbedder({ checkpoint });
  const app = buildServer(embedder, options);
  onTestFinished(() => app.close());
  const post = (payload: Buffer, type = 'image/png') =>
    app.inject({ method: 'POST', url: '/embed', payload, headers: { 'content-type': type } });
  return { embedder, app, post };
}

describe('the routes', () => {
  it('embed an image', async () => {
    const { embedder, post } = await serve();
    const image = await fixture('rgb.png');
    const response = await post(image);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ dim: 32, embedding: Array.from(await embedder.embed(image)) });
  });

  it('tell their health', async () => {
    const { app } = await serve();
    const response = await app.inject('/health');
    expect(response.json()).toEqual({ status: 'ok', dim: 32, step: 7, pending: 0 });
  });

  it('answer what they cannot do with the status that fits', async () => {
    const { app, post, embedder } = await serve({ maxImageBytes: 5000 });
    const answer = async (response: ReturnType<typeof post>) => {
      const { statusCode, ...rest } = await response;
      return [statusCode, rest.json().error.code];
    };
    expect(await answer(post(await fixture('not-an-image.png')))).toEqual([400, 'ERR_DATA']);
    expect(await answer(post(Buffer.alloc(0)))).toEqual([400, 'ERR_DATA']);
    expect(await answer(app.inject({ method: 'POST', url: '/embed' }))).toEqual([400, 'ERR_DATA']);
    expect(await answer(post(Buffer.alloc(5001)))).toEqual([413, 'FST_ERR_CTP_BODY_TOO_LARGE']);
    expect(await answer(post(Buffer.from('{}'), 'application/json'))).toEqual([415, 'FST_ERR_CTP_INVALID_MEDIA_TYPE']);
    await embedder.close();
    const closed = await post(await fixture('rgb.png'));
    expect([closed.statusCode, closed.json().error.code, closed.headers['retry-after']]).toEqual([
      503,
      'ERR_STATE',
      '1',
    ]);
  });

  it('turn requests away when too many wait', async () => {
    const { post } = await serve({ maxPending: 1 });
    const image = await fixture('rgb.png');
    const statuses = (await Promise.all([post(image), post(image), post(image)])).map(({ statusCode }) => statusCode);
    expect(statuses).toContain(200);
    expect(statuses).toContain(503);
  });

  it('say nothing of the inside when something unforeseen happens', async () => {
    const { post, embedder } = await serve();
    vi.spyOn(embedder, 'embed').mockRejectedValue(new Error('secret'));
    const response = await post(await fixture('rgb.png'));
    expect([response.statusCode, response.json()]).toEqual([
      500,
      { error: { code: 'ERR_INTERNAL', message: 'internal error' } },
    ]);
  });

  it('stop work for a client that goes away', async () => {
    const { app, embedder } = await serve();
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const headers = { 'content-type': 'image/jpeg' };
    const client = httpRequest(`${url}/embed`, { method: 'POST', headers });
    client.on('error', () => {}); // our own hanging up
    const aborted = new Promise<void>((resolve) => {
      vi.spyOn(embedder, 'embed').mockImplementation((_image, options) => {
        client.destroy(); // while the work is under way
        options?.signal?.addEventListener('abort', () => resolve());
        return new Promise(() => {});
      });
    });
    client.end(await fixture('rgb.jpg'));
    await aborted;
  });

  it('answer concurrent requests over a port, good and bad, then close', async () => {
    const { app, embedder } = await serve();
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const images = await Promise.all(['rgb.png', 'gray.png', 'rgba.png', 'cmyk.jpg', 'not-an-image.png'].map(fixture));
    const expected = await Promise.all(images.slice(0, 4).map((image) => embedder.embed(image)));
    const requests = Array.from({ length: 40 }, async (_, i) => {
      const body = new Uint8Array(images[i % 5] as Buffer);
      const response = await fetch(`${url}/embed`, { method: 'POST', body, headers: { 'content-type': 'image/png' } });
      return { status: response.status, ...((await response.json()) as { embedding?: number[] }) };
    });
    for (const [i, { status, embedding }] of (await Promise.all(requests)).entries()) {
      expect(status).toBe(i % 5 === 4 ? 400 : 200);
      for (const [j, value] of (embedding ?? []).entries())
        expect(value).toBeCloseTo(expected[i % 5]?.[j] as number, 4);
    }
    await app.close();
    await expect(embedder.embed(images[0] as Buffer)).rejects.toMatchObject({ code: 'ERR_STATE' });
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
