import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { downloadVerified } from '../../lib/data/download.ts';
import { downloadFashionMnist } from '../../lib/data/fashion-mnist.ts';

const content = Buffer.from('what was expected, '.repeat(100));
const sha256 = createHash('sha256').update(content).digest('hex');
const good = gzipSync(content);

const answers: Record<string, Buffer> = {
  '/good.gz': good,
  '/also-good.gz': gzipSync(content, { level: 1 }),
  '/other.gz': gzipSync(Buffer.from('what was expecteD, '.repeat(100))),
  '/short.gz': gzipSync(content.subarray(1)),
  '/bomb.gz': gzipSync(Buffer.alloc(1 << 24)),
  '/cut.gz': good.subarray(0, good.length - 9),
  '/huge.gz': Buffer.alloc(1 << 20),
  '/not.gz': Buffer.from('<html>'),
};

let server: Server;
let base: string;
let requests: string[] = [];
let folder: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = request.url ?? '';
    requests.push(url);
    const body = answers[url];
    if (url === '/hang.gz') response.writeHead(200).write('x');
    else if (body) response.end(body);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'download-'));
  requests = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const get = (...names: string[]): Promise<void> =>
  downloadVerified({
    urls: names.map((name) => base + name),
    path: join(folder, 'deep', 'file.gz'),
    bytes: content.length,
    sha256,
  });

describe('downloadVerified', () => {
  it('writes what was checked, and keeps it the next time', async () => {
    await get('/good.gz');
    expect(await readFile(join(folder, 'deep', 'file.gz'))).toEqual(good);
    await get('/good.gz');
    expect([requests, await readdir(join(folder, 'deep'))]).toEqual([['/good.gz'], ['file.gz']]);
  });

  it('goes on to the next address, and takes any wrapper of the right content', async () => {
    await get('/none.gz', '/other.gz', '/also-good.gz', '/good.gz');
    expect(requests).toEqual(['/none.gz', '/other.gz', '/also-good.gz']);
  });

  it('replaces a wrong file', async () => {
    await get('/good.gz');
    await writeFile(join(folder, 'deep', 'file.gz'), 'damaged');
    await get('/also-good.gz');
    expect(await readFile(join(folder, 'deep', 'file.gz'))).toEqual(answers['/also-good.gz']);
  });

  it.each([
    ['/none.gz', /HTTP 404/],
    ['/other.gz', /expected SHA-256 [0-9a-f]{64} of the content, got/],
    ['/short.gz', /expected 1900 bytes of content, got 1899/],
    ['/bomb.gz', /expected 1900 bytes of content, got more/],
    ['/cut.gz', /unexpected end of file/],
    ['/huge.gz', /expected at most 67436 bytes, got more/],
    ['/not.gz', /incorrect header check/],
  ])('refuses %s and leaves nothing behind', async (name, message) => {
    await expect(get(name)).rejects.toMatchObject({ code: 'ERR_DATA', message: expect.stringMatching(message) });
    expect(await readdir(join(folder, 'deep'))).toEqual([]);
  });

  it('refuses when nobody answers', async () => {
    const urls = ['http://127.0.0.1:1/file.gz'];
    await expect(downloadVerified({ urls, path: join(folder, 'x.gz'), bytes: 1, sha256 })).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/cannot be downloaded:\n {2}http/),
    });
  });

  it('stops on a signal', async () => {
    const controller = new AbortController();
    const request = {
      urls: [`${base}/hang.gz`],
      path: join(folder, 'x.gz'),
      bytes: 1,
      sha256,
      signal: controller.signal,
    };
    const pending = downloadVerified(request);
    setTimeout(() => controller.abort(), 50);
    await expect(pending).rejects.toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError' });
    expect(await readdir(folder)).toEqual([]);
    await expect(downloadVerified(request)).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });
});

describe('downloadFashionMnist', () => {
  it('asks for the four files by name and refuses what is not them', async () => {
    await expect(downloadFashionMnist({ folder, urls: [`${base}/`] })).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/train-images-idx3-ubyte\.gz: cannot be downloaded:\n.*HTTP 404/),
    });
    expect(requests).toEqual(['/train-images-idx3-ubyte.gz']);
  });

  it('refuses an unknown option', async () => {
    await expect(downloadFashionMnist({ root: folder } as object)).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });
});
