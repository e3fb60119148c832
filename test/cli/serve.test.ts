import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { command } from '../../lib/cli/serve.ts';
import { writeTinyRun } from '../serve/tiny-run.ts';
import { mainFile, nodeArguments, runWith } from './run-cli.ts';

const image = (): Promise<Buffer> =>
  readFile(fileURLToPath(new URL('../fixtures/data/images/rgb.jpg', import.meta.url)));

let folder: string;
let checkpoint: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serve-'));
  checkpoint = await writeTinyRun(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The real program, and what it writes, line by line. */
function start(...args: string[]) {
  const child = spawn(process.execPath, [...nodeArguments, 'serve', '--run', checkpoint, '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => (await lines.next()).value as string };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<unknown[]> {
  const exited = once(child, 'exit');
  child.kill(signal);
  return await exited;
}

async function embed(url: string): Promise<{ status: number; embedding: number[] }> {
  const headers = { 'content-type': 'image/jpeg' };
  const response = await fetch(`${url}/embed`, { method: 'POST', body: new Uint8Array(await image()), headers });
  return { status: response.status, ...((await response.json()) as { embedding: number[] }) };
}

describe('contrastive serve', () => {
  it('says where it listens, embeds, and on SIGTERM ends by itself', async () => {
    const { child, next } = start('--normalize');
    const line = await next();
    expect(line).toMatch(/^http:\/\/127\.0\.0\.1:\d+ answers: resnet18, 32 features, step 7\. Ctrl-C ends it\.$/);
    const { status, embedding } = await embed(line.split(' ')[0] as string);
    expect([status, embedding.length]).toEqual([200, 32]);
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    expect(await end(child, 'SIGTERM')).toEqual([0, null]);
  });

  it('names the classes of images, of a run with a classifier', async () => {
    const run = await writeTinyRun(join(folder, 'classifier'), { classes: ['rose', 'tulip'] });
    const { child, next } = start('--run', run);
    const line = await next();
    expect(line).toContain('answers: resnet18, 32 features, 2 classes, step 7.');
    const headers = { 'content-type': 'image/jpeg' };
    const body = new Uint8Array(await image());
    const response = await fetch(`${line.split(' ')[0]}/classify`, { method: 'POST', body, headers });
    expect(await response.json()).toMatchObject({
      class: expect.stringMatching(/rose|tulip/),
      confidence: expect.any(Number),
    });
    expect(await end(child, 'SIGTERM')).toEqual([0, null]);
  });

  it('searches a folder, with a page that loads nothing from elsewhere', async () => {
    const photos = join(folder, 'photos');
    await mkdir(photos);
    await writeFile(join(photos, 'a.jpg'), await image());
    const { child, next } = start(photos);
    expect(await next()).toContain('photos.index: 1 image, 32 features each; 1 added');
    const url = (await next()).split(' ')[0] as string;
    expect(await next()).toBe(`${url}/search is a page to search 1 image with one of yours.`);
    const page = await fetch(`${url}/search`);
    const html = await page.text();
    const [, hash] = /script-src '(sha256-[^']+)'/.exec(page.headers.get('content-security-policy') ?? '') ?? [];
    const script = /<script>([\s\S]*)<\/script>/.exec(html)?.[1] as string;
    expect(hash).toBe(`sha256-${createHash('sha256').update(script).digest('base64')}`);
    expect(html).not.toMatch(/(?:src|href)="(?!data:)|https?:/);
    const body = new Uint8Array(await image());
    const response = await fetch(`${url}/search`, { method: 'POST', body, headers: { 'content-type': 'image/jpeg' } });
    expect(await response.json()).toEqual({
      neighbours: [{ number: 0, name: 'a.jpg', cosine: expect.closeTo(1, 4) }],
    });
    expect(await end(child, 'SIGTERM')).toEqual([0, null]);

    const elsewhere = join(folder, 'of-a-stranger.index');
    await copyFile(`${photos}.index`, elsewhere);
    const strange = start('--index', elsewhere, '--json');
    expect(JSON.parse(await strange.next())).toMatchObject({ index: elsewhere, images: 1 });
    const { warning } = JSON.parse(await strange.next());
    expect(warning).toContain(`names images in '${photos}', which was not typed`);
    expect(await end(strange.child, 'SIGTERM')).toEqual([0, null]);
  });

  it('with --json writes a record a line, of each request too', async () => {
    const { child, next } = start('--json', '--max-image-bytes', '100', '--threads', '1');
    const records: { url?: string; msg?: string; res?: { statusCode: number } }[] = [];
    const until = async (found: (record: (typeof records)[number]) => boolean) => {
      for (;;) {
        const record = JSON.parse(await next());
        records.push(record);
        if (found(record)) return record;
      }
    };
    const { url, ...rest } = await until((record) => record.url !== undefined);
    expect(rest).toEqual({ dim: 32, step: 7, checkpoint: join(checkpoint, 'checkpoints/7') });
    expect((await embed(url as string)).status).toBe(413);
    await until((record) => record.res?.statusCode === 413);
    expect(records.some(({ msg }) => msg === 'incoming request')).toBe(true);
    expect(await end(child, 'SIGINT')).toEqual([0, null]);
  });

  it('answers what is under way before it ends', async () => {
    const { child, next } = start();
    const url = (await next()).split(' ')[0] as string;
    const body = await image();
    // The request has begun, its body comes after the signal.
    const stream = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(new Uint8Array(body.subarray(0, 10)));
        await new Promise((resolve) => setTimeout(resolve, 300));
        child.kill('SIGTERM');
        await new Promise((resolve) => setTimeout(resolve, 300));
        controller.enqueue(new Uint8Array(body.subarray(10)));
        controller.close();
      },
    });
    const exited = once(child, 'exit');
    const init = { method: 'POST', body: stream, headers: { 'content-type': 'image/jpeg' }, duplex: 'half' } as const;
    const response = await fetch(`${url}/embed`, init);
    expect(response.status).toBe(200);
    expect(await exited).toEqual([0, null]);
  });
});

describe('contrastive serve with clients that stall', () => {
  /** A connection on which `text` was sent, and its end. */
  async function connectTo(url: string, text: string) {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {}); // being cut off is the point
    const closed = once(socket, 'close');
    await once(socket, 'connect');
    if (text !== '') await new Promise((resolve) => socket.write(text, resolve));
    return { closed };
  }

  it('ends all the same, after its time', async () => {
    const { child, next } = start('--close-timeout', '1');
    const url = (await next()).split(' ')[0] as string;
    const stalled = [
      '',
      'POST /embed HTTP/1.1\r\nHost: x\r\n',
      'POST /embed HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nabc',
    ];
    const connections = await Promise.all(stalled.map((text) => connectTo(url, text)));
    expect((await embed(url)).status).toBe(200); // so the others were seen
    expect(await end(child, 'SIGTERM')).toEqual([0, null]);
    await Promise.all(connections.map(({ closed }) => closed));
  });

  it('bounds pixels and bytes by its options', async () => {
    const { next } = start('--max-pixels', '10', '--max-buffered-bytes', '40000000');
    const url = (await next()).split(' ')[0] as string;
    const { status, ...rest } = await embed(url);
    expect([status, rest]).toEqual([
      400,
      { error: { code: 'ERR_DATA', message: expect.stringMatching(/24 × 16 = 384 pixels, more than maxPixels = 10/) } },
    ]);
    const about = (await (await fetch(url)).json()) as { limits: object };
    expect(about.limits).toMatchObject({ maxBufferedBytes: 40_000_000, bodyTimeoutMs: 60_000 });
  });
});

describe('contrastive serve refuses', () => {
  const run = (...args: string[]) => runWith([command], ['serve', ...args]);

  it('a port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await run('--run', checkpoint, '--port', String(port));
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/cannot listen on 127\.0\.0\.1, port \d+: .*EADDRINUSE.*\[ERR_STATE\]\n$/),
    ]);
  });

  it('a run that is not there, a port that is none, limits that are none', async () => {
    const missing = await run('--run', folder);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringMatching(/config\.json.*\[ERR_CHECKPOINT\]/)]);
    const port = await run('--run', checkpoint, '--port', '70000');
    expect([port.code, port.stderr]).toEqual([2, expect.stringMatching(/--port must be .*<= 65535.*\[ERR_OPTION\]/)]);
    const pending = await run('--run', checkpoint, '--max-pending', '0');
    expect([pending.code, pending.stderr]).toEqual([
      2,
      expect.stringMatching(/--max-pending must be .*\[ERR_OPTION\]/),
    ]);
  });

  it('to start without fastify, and says how to install it; nothing else needs it', async () => {
    const hook = join(folder, 'without-fastify.mjs');
    const resolver = `export async function resolve(name, context, next) {
      if (name === 'fastify') throw Object.assign(new Error("Cannot find package 'fastify'"), { code: 'ERR_MODULE_NOT_FOUND' });
      return next(name, context);
    }`;
    await writeFile(
      hook,
      `import { register } from 'node:module';
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(resolver)}));`,
    );
    const without = async (...args: string[]) => {
      const child = spawn(process.execPath, ['--import', 'tsx', '--import', hook, ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.on('data', (text) => {
        stderr += text;
      });
      const [code] = await once(child, 'close');
      return { code, stderr };
    };
    const { code, stderr } = await without(mainFile, 'serve', '--run', checkpoint);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: serving needs the package fastify \(npm install fastify@5\): Cannot find .*\[ERR_STATE\]\n$/,
    );
    expect(await without(mainFile, '--help')).toEqual({ code: 0, stderr: '' });
    const index = fileURLToPath(new URL('../../lib/index.ts', import.meta.url));
    expect(await without(index)).toEqual({ code: 0, stderr: '' });
  });
});
