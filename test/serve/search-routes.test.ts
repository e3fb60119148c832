import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Fastify from 'fastify';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createIndex } from '../../lib/search/feature-index.ts';
import { updateIndex } from '../../lib/search/update-index.ts';
import { createEmbedder } from '../../lib/serve/embedder.ts';
import { type EmbeddingServiceOptions, embeddingService } from '../../lib/serve/service.ts';
import { writeTinyRun } from './tiny-run.ts';

const fixtures = fileURLToPath(new URL('../fixtures/data/images/', import.meta.url));
const fixture = (name: string): Promise<Buffer> => readFile(join(fixtures, name));

let folder: string;
let checkpoint: string;
let input: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'search-routes-'));
  checkpoint = await writeTinyRun(folder);
  input = join(folder, 'images');
  await mkdir(input);
  for (const name of ['rgb.jpg', 'gray.png', 'palette.gif']) await cp(join(fixtures, name), join(input, name));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function serve(options: EmbeddingServiceOptions = {}) {
  const embedder = await createEmbedder({ checkpoint });
  const { index } = await updateIndex(join(folder, 'images.index'), { input, embedder });
  const app = Fastify();
  app.register(embeddingService(embedder, { index, ...options }), { prefix: '/photos' });
  onTestFinished(() => app.close());
  const post = (payload: Buffer, query = '', type = 'image/jpeg') =>
    app.inject({ method: 'POST', url: `/photos/search${query}`, payload, headers: { 'content-type': type } });
  const get = (url: string) => app.inject({ method: 'GET', url: `/photos/search/images/${url}` });
  return { app, index, embedder, post, get };
}

describe('the search of a service', () => {
  it('answers an image with its neighbours', async () => {
    const { index, embedder, post, app } = await serve();
    const response = await post(await fixture('rgb.jpg'), '?k=2');
    expect(response.statusCode).toBe(200);
    const wanted = await index.search(await embedder.embed(await fixture('rgb.jpg')), { k: 2 });
    expect(response.json()).toEqual({ neighbours: wanted });
    expect(wanted[0]).toEqual({ number: 2, name: 'rgb.jpg', cosine: expect.closeTo(1, 5) });
    expect((await post(await fixture('gray.png'))).json().neighbours).toHaveLength(3);
    expect((await app.inject('/photos/')).json()).toMatchObject({ images: 3, limits: { maxPending: 256 } });
  });

  it('shows the images by their numbers, and the neighbours of each', async () => {
    const { get } = await serve();
    const picture = await get('2');
    expect([picture.statusCode, picture.headers['content-type']]).toEqual([200, 'image/jpeg']);
    const { width = 0, height = 0, format } = await sharp(picture.rawPayload).metadata();
    expect([Math.max(width, height) <= 320, format]).toEqual([true, 'jpeg']);
    const { neighbours } = (await get('2/neighbours?k=1')).json();
    expect(neighbours).toEqual([{ number: expect.any(Number), name: expect.any(String), cosine: expect.any(Number) }]);
    expect(neighbours[0].number).not.toBe(2);
  });

  it('answers what it cannot do with the status that fits, and no path of the server', async () => {
    const { post, get } = await serve({ maxImageBytes: 60_000 });
    const image = await fixture('rgb.jpg');
    const answers: [number, Promise<{ statusCode: number; body: string }>][] = [
      [400, post(await fixture('not-an-image.png'))],
      [400, post(Buffer.alloc(0))],
      [413, post(Buffer.alloc(60_001))],
      [415, post(image, '', 'text/plain')],
      ...['0', '101', '-1', '1.5', 'x', '', '1&k=2', '9'.repeat(400)].map(
        (k) => [400, post(image, `?k=${k}`)] as [number, ReturnType<typeof post>],
      ),
      ...['3', '-1', '1e0', 'x', '..%2f..%2fetc%2fpasswd', '%00', '9'.repeat(60), '0x1', '1.0'].map(
        (number) => [404, get(number)] as [number, ReturnType<typeof get>],
      ),
      [404, get('3/neighbours')],
      [400, get('1/neighbours?k=0')],
    ];
    for (const [status, answer] of answers) {
      const { statusCode, body } = await answer;
      expect([statusCode, body]).toEqual([status, expect.stringContaining('"error"')]);
      expect(body).not.toContain(folder);
    }
  });

  it('says that an image is gone, and turns requests away when too many are at work', async () => {
    const { index, get } = await serve({ maxPending: 1, maxBatchImages: 1 });
    const later = <T>(value: T) => new Promise<T>((done) => setTimeout(() => done(value), 50));
    vi.spyOn(index, 'picture').mockImplementationOnce(() => later(Buffer.of(1)));
    vi.spyOn(index, 'searchLike').mockImplementationOnce(() => later([]));
    for (const first of ['0', '0/neighbours']) {
      const all = await Promise.all([first, '1', '1/neighbours'].map(get));
      expect(all.map(({ statusCode }) => statusCode)).toEqual([200, 503, 503]);
      expect(all[1]?.headers['retry-after']).toBe('1');
    }
    await rm(join(input, 'palette.gif'));
    const gone = await get('1');
    expect([gone.statusCode, gone.json().error.message]).toEqual([404, 'image 1 is gone']);
  });

  it('refuses an index of another model, and takes one that does not say which it is of', async () => {
    const { index, embedder } = await serve();
    const run = await writeTinyRun(await mkdtemp(join(folder, 'other-')), { seed: 6 });
    await using other = await createEmbedder({ checkpoint: run });
    expect([other.dim, other.info.model]).toEqual([index.dim, expect.not.stringContaining(embedder.info.model)]);
    expect(() => embeddingService(other, { index })).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTION',
        message: expect.stringMatching(/^index must have features of the embedder's model, '.* got those of '/),
      }),
    );
    const vectors = [{ name: 'a', vector: new Float32Array(other.dim).fill(1) }];
    await using own = await createIndex(join(folder, 'own.index'), vectors);
    expect(() => embeddingService(other, { index: own })).not.toThrow();
  });

  it('closes the index with the server, and refuses one of another dim', async () => {
    const { app, index, embedder } = await serve();
    const other = await createIndex(join(folder, 'other.index'), [{ name: 'a', vector: Float32Array.of(1, 2) }]);
    expect(() => embeddingService(embedder, { index: other })).toThrow(/index must have the embedder's dim, 32, got 2/);
    await other.close();
    await app.close();
    await expect(index.searchLike(0)).rejects.toMatchObject({ code: 'ERR_STATE' });
  });
});
