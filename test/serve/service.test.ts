import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import Fastify from 'fastify';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createEmbedder, type Embedder, type EmbedOptions, type ServedEmbedder } from '../../lib/serve/embedder.ts';
import { createClassifier } from '../../lib/serve/image-classifier.ts';
import { type EmbeddingServiceOptions, embeddingService } from '../../lib/serve/service.ts';
import { writeTinyRun } from './tiny-run.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixture = (name: string): Promise<Buffer> => readFile(join(root, 'test/fixtures/data/images', name));

let folder: string;
let checkpoint: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'service-'));
  checkpoint = await writeTinyRun(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function serve(options: EmbeddingServiceOptions = {}, { maxBatch = 32 } = {}) {
  const embedder = await createEmbedder({ checkpoint, maxBatch });
  const app = Fastify();
  app.register(embeddingService(embedder, options));
  onTestFinished(() => app.close());
  const post = (payload: Buffer, type = 'image/png') =>
    app.inject({ method: 'POST', url: '/embed', payload, headers: { 'content-type': type } });
  const postForm = async (form: FormData) => {
    const { headers, body } = await encoded(form);
    return app.inject({ method: 'POST', url: '/embed/batch', payload: body, headers });
  };
  return { embedder, app, post, postForm };
}

/** As a client sends it; the platform's encoder, with a boundary of its own. */
async function encoded(form: FormData): Promise<{ headers: Record<string, string>; body: Buffer }> {
  const response = new Response(form);
  const type = response.headers.get('content-type') as string;
  return { headers: { 'content-type': type }, body: Buffer.from(await response.arrayBuffer()) };
}

const formOf = (files: readonly Buffer[]): FormData => {
  const form = new FormData();
  for (const [i, file] of files.entries()) form.append('image', new Blob([new Uint8Array(file)]), `${i}.jpg`);
  return form;
};

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
    expect(response.json()).toEqual({ status: 'ok', dim: 32, step: 7, pending: 0, bufferedBytes: 0 });
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
    expect(await answer(post(Buffer.alloc(5001)))).toEqual([413, 'ERR_DATA']);
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

  it('answer 64 clients at once', async () => {
    const { app, embedder } = await serve();
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const images = await Promise.all(
      Array.from({ length: 64 }, (_, i) =>
        sharp({ create: { width: 40 + i, height: 200, channels: 3, background: { r: 4 * i, g: 99, b: 255 - i } } })
          .jpeg()
          .toBuffer(),
      ),
    );
    const expected = await embedder.embed(images);
    const answers = await Promise.all(
      images.map(async (image) => {
        const headers = { 'content-type': 'image/jpeg' };
        const response = await fetch(`${url}/embed`, { method: 'POST', body: new Uint8Array(image), headers });
        return { status: response.status, ...((await response.json()) as { embedding: number[] }) };
      }),
    );
    for (const [i, { status, embedding }] of answers.entries()) {
      expect(status).toBe(200);
      for (const [j, value] of embedding.entries()) expect(value).toBeCloseTo(expected[i]?.[j] as number, 4);
    }
    expect(embedder.pending).toBe(0);
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

describe('clients that stall', () => {
  const head = (length: number): string =>
    `POST /embed HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: ${length}\r\n\r\n`;

  /** Sends `bytes` on a connection of its own; resolves with all that came back when the server has closed it. */
  async function send(url: string, bytes: Buffer) {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    onTestFinished(() => void socket.destroy());
    const answer = text(socket);
    answer.catch(() => {}); // of one that the test cuts off
    socket.write(bytes);
    return { socket, answer };
  }

  it('are told that their time is over, and their connection is closed', async () => {
    const { app } = await serve({ bodyTimeoutMs: 100 });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const { answer } = await send(url, Buffer.from(`${head(1000)}abc`));
    const [headers, body] = (await answer).split('\r\n\r\n') as [string, string];
    expect(headers).toMatch(/^HTTP\/1\.1 408 .*\r\nconnection: close/is);
    expect(JSON.parse(body)).toEqual({
      error: { code: 'ERR_TIMEOUT', message: 'the request body must arrive within 100 ms' },
    });
  });

  it('fill no more than the bytes that are set aside for bodies, and give them back when they go', async () => {
    const limits = { maxImageBytes: 200_000, maxBatchBytes: 200_000, maxBufferedBytes: 200_000 };
    const { app, post } = await serve(limits);
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const image = await fixture('rgb.png');
    const { socket } = await send(url, Buffer.concat([Buffer.from(head(199_000)), Buffer.alloc(150_000)]));
    const held = async () => (await app.inject('/health')).json().bufferedBytes;
    await vi.waitFor(async () => expect(await held()).toBe(200_000));
    const refused = await post(image);
    expect(refused.statusCode).toBe(503);
    expect([refused.json().error.code, refused.headers['retry-after']]).toEqual(['ERR_BUSY', '1']);
    socket.destroy();
    await vi.waitFor(async () => expect(await held()).toBe(0));
    expect((await post(image)).statusCode).toBe(200);
  });
});

describe('a connection that dies with requests queued on it', () => {
  it('gives back their bytes and stops their work, with one listener for all', async () => {
    const { app, embedder } = await serve();
    const { hostname, port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }));
    const warned = vi.spyOn(process, 'emitWarning');
    onTestFinished(() => warned.mockRestore());
    const signals: AbortSignal[] = [];
    vi.spyOn(embedder, 'embed').mockImplementation((_image: unknown, options?: EmbedOptions) => {
      const signal = options?.signal as AbortSignal;
      signals.push(signal);
      return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const image = await fixture('rgb.jpg');
    const head = `POST /embed HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: ${image.length}\r\n\r\n`;
    const socket = connect(Number(port), hostname);
    const requests = 12;
    for (let i = 0; i < requests; i++) socket.write(Buffer.concat([Buffer.from(head), image]));
    await vi.waitFor(() => expect(signals).toHaveLength(requests));
    const health = async () => (await app.inject('/health')).json();
    expect((await health()).bufferedBytes).toBeGreaterThan(requests * image.length - 1);
    socket.destroy();
    await vi.waitFor(async () => expect(await health()).toMatchObject({ bufferedBytes: 0, pending: 0 }));
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
    expect(warned).not.toHaveBeenCalled();
  });
});

describe('a batch', () => {
  const names = ['rgb.png', 'gray.png', 'cmyk.jpg'];

  it('has an embedding for each image, in their order', async () => {
    const { embedder, postForm } = await serve();
    const images = await Promise.all(names.map(fixture));
    const response = await postForm(formOf(images));
    expect(response.statusCode).toBe(200);
    const { dim, embeddings } = response.json() as { dim: number; embeddings: number[][] };
    expect([dim, embeddings.length]).toEqual([32, 3]);
    for (const [i, image] of images.entries())
      for (const [j, value] of (await embedder.embed(image)).entries())
        expect((embeddings[i] as number[])[j]).toBeCloseTo(value, 4);
  });

  it('is refused with what fits: nothing in it, a bad image, a text, too many, too large, no form', async () => {
    const { app, post, postForm } = await serve({ maxBatchImages: 3, maxImageBytes: 20_000, maxBatchBytes: 50_000 });
    const png = await fixture('rgb.png');
    const answer = async (response: ReturnType<typeof post>) => {
      const { statusCode, ...rest } = await response;
      const { code, message } = rest.json().error;
      return [statusCode, code, message];
    };
    const at = (message: RegExp) => expect.stringMatching(message);
    const bad = await fixture('not-an-image.png');
    expect(await answer(postForm(formOf([png, bad])))).toEqual([
      400,
      'ERR_DATA',
      at(/^inputs\[1\]: .*cannot be decoded/),
    ]);
    expect(await answer(postForm(formOf([png, Buffer.alloc(0)])))).toEqual([400, 'ERR_DATA', at(/^inputs\[1\]: /)]);
    expect(await answer(postForm(formOf([])))).toEqual([400, 'ERR_DATA', expect.any(String)]);
    const text = formOf([png]);
    text.append('name', 'cat');
    expect(await answer(postForm(text))).toEqual([400, 'ERR_DATA', at(/^inputs\[1\]: must be a file/)]);
    expect(await answer(postForm(formOf([png, png, png, png])))).toEqual([413, 'ERR_DATA', at(/may have 3 parts/)]);
    const large = Buffer.alloc(20_001);
    expect(await answer(postForm(formOf([png, large])))).toEqual([
      413,
      'ERR_DATA',
      at(/^inputs\[1\] may have 20000 by/),
    ]);
    expect(await answer(postForm(formOf([large, large, large])))).toEqual([
      413,
      'ERR_DATA',
      at(/^the request body may have 50000 bytes/),
    ]);
    const send = (payload: Buffer | undefined, type: string | undefined) =>
      app.inject({
        method: 'POST',
        url: '/embed/batch',
        ...(payload && { payload }),
        ...(type && { headers: { 'content-type': type } }),
      });
    expect(await answer(send(png, 'image/png'))).toEqual([
      415,
      'FST_ERR_CTP_INVALID_MEDIA_TYPE',
      at(/^content-type must be multipart\/form-data, got 'image\/png' \(string\)$/),
    ]);
    expect(await answer(send(undefined, undefined))).toEqual([400, 'ERR_DATA', at(/must be multipart\/form-data/)]);
    expect(await answer(post(png, 'multipart/form-data; boundary=x'))).toEqual([
      415,
      'FST_ERR_CTP_INVALID_MEDIA_TYPE',
      at(/^content-type must be an image's \(image\/jpeg, image\/png …\), got 'multipart/),
    ]);
  });

  it('is turned away as a whole where it has no room', async () => {
    const { embedder, postForm, post } = await serve({ maxPending: 3 });
    const png = await fixture('rgb.png');
    const two = formOf([png, png]);
    vi.spyOn(embedder, 'pending', 'get').mockReturnValue(2);
    const { statusCode, headers, ...rest } = await postForm(two);
    expect([statusCode, headers['retry-after'], rest.json().error.code]).toEqual([503, '1', 'ERR_BUSY']);
    expect((await post(png)).statusCode).toBe(200);
  });

  it('counts as a whole until its answer, however few images the embedder takes up at once', async () => {
    const { app, postForm, post } = await serve({ maxPending: 12, maxBatchImages: 8 }, { maxBatch: 1 });
    const png = await fixture('rgb.png');
    const form = formOf(new Array(8).fill(png));
    const first = postForm(form);
    await vi.waitFor(async () => expect((await app.inject('/health')).json().pending).toBe(8), { interval: 1 });
    const [refused, single] = await Promise.all([postForm(form), post(png)]);
    expect([refused.statusCode, refused.json().error.code, single.statusCode]).toEqual([503, 'ERR_BUSY', 200]);
    expect((await first).statusCode).toBe(200);
    expect((await app.inject('/health')).json().pending).toBe(0);
  });

  it('stops for a client that goes away', async () => {
    const { app, embedder } = await serve();
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const { headers, body } = await encoded(formOf([await fixture('rgb.jpg')]));
    const client = httpRequest(`${url}/embed/batch`, { method: 'POST', headers });
    client.on('error', () => {}); // our own hanging up
    const aborted = new Promise<void>((resolve) => {
      vi.spyOn(embedder, 'embed').mockImplementation((_images: unknown, options?: EmbedOptions) => {
        client.destroy();
        options?.signal?.addEventListener('abort', () => resolve());
        return new Promise<never>(() => {});
      });
    });
    client.end(body);
    await aborted;
  });
});

describe('the plugin', () => {
  it('tells what the model is, and no path of the machine', async () => {
    const { app, embedder } = await serve({ maxPending: 20 });
    const response = await app.inject('/');
    expect(response.json()).toEqual({
      encoder: { name: 'resnet18', stem: 'cifar', width: 4, inChannels: 3, zeroInitResidual: false },
      input: { size: 16, channels: 3, mean: [0.4, 0.4, 0.4], std: [0.3, 0.3, 0.3] },
      dim: 32,
      device: 'cpu',
      precision: 'float32',
      normalize: false,
      model: embedder.info.model,
      step: 7,
      limits: {
        maxImageBytes: 10_000_000,
        maxBatchBytes: 40_000_000,
        maxPending: 20,
        maxBatchImages: 20,
        maxBufferedBytes: 256_000_000,
        bodyTimeoutMs: 60_000,
      },
    });
    expect(response.body).not.toContain(folder);
  });

  it('lives beside the routes of an application, below a prefix', async () => {
    const embedder = await createEmbedder({ checkpoint });
    const app = Fastify();
    onTestFinished(() => app.close());
    app.post('/orders', async (request) => ({ got: request.body }));
    app.get('/fails', async () => {
      throw new Error('as the application wants it');
    });
    app.register(embeddingService(embedder), { prefix: '/images' });
    expect((await app.inject('/images/health')).json().status).toBe('ok');
    expect((await app.inject('/health')).statusCode).toBe(404);
    expect((await app.inject({ method: 'POST', url: '/orders', payload: { n: 1 } })).json()).toEqual({ got: { n: 1 } });
    expect((await app.inject('/fails')).json()).toMatchObject({ message: 'as the application wants it' });
    const image = await fixture('rgb.png');
    const headers = { 'content-type': 'image/png' };
    const response = await app.inject({ method: 'POST', url: '/images/embed', payload: image, headers });
    expect(response.json().dim).toBe(32);
  });

  it.each([
    [{ maxImageBytes: 0 }, /maxImageBytes must be an integer >= 1/],
    [{ maxBatchBytes: 1.5 }, /maxBatchBytes must be an integer/],
    [{ maxPending: -1 }, /maxPending must be an integer >= 1/],
    [{ maxBatchImages: 9, maxPending: 8 }, /maxBatchImages must be an integer >= 1 and <= 8, got 9/],
    [{ maxBufferedBytes: 1000 }, /maxBufferedBytes must be an integer >= 40000000, got 1000/],
    [{ bodyTimeoutMs: 0 }, /bodyTimeoutMs must be an integer >= 1/],
    [{ index: null }, /index must be an open FeatureIndex, got null$/],
    [{ index: 'photos.index' }, /index must be an open FeatureIndex, got 'photos\.index' \(string\)/],
    [{ index: Promise.resolve() }, /index must be an open FeatureIndex, got an object of type Promise/],
    [{ maxImages: 1 }, /unknown option 'maxImages'/],
  ])('refuses %o', async (options: object, message) => {
    await using embedder = await createEmbedder({ checkpoint });
    expect(() => embeddingService(embedder, options)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(message) }),
    );
  });

  it('refuses what is no embedder', () => {
    expect(() => embeddingService(Promise.resolve() as unknown as Embedder)).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTION',
        message: expect.stringMatching(/^embedder must be what createEmb/),
      }),
    );
  });
});

it('takes an object that passes calls on, which swaps models without a failed request', async () => {
  let current = await createEmbedder({ checkpoint });
  const served: ServedEmbedder = {
    get dim() {
      return current.dim;
    },
    get info() {
      return current.info;
    },
    get pending() {
      return current.pending;
    },
    embed: (input: never, options) => current.embed(input, options) as Promise<never>,
    close: () => current.close(),
  };
  const app = Fastify();
  app.register(embeddingService(served));
  onTestFinished(() => app.close());
  const payload = await fixture('rgb.png');
  const headers = { 'content-type': 'image/png' };
  const ask = () => app.inject({ method: 'POST', url: '/embed', payload, headers });
  const next = await createEmbedder({ checkpoint });
  const first = Array.from({ length: 8 }, ask);
  await vi.waitFor(() => expect(current.pending).toBeGreaterThan(0), { interval: 1 });
  const old = current;
  current = next;
  const [, ...answers] = await Promise.all([old.close(), ...first, ask()]);
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(new Array(9).fill(200));
  await expect(old.embed(payload)).rejects.toMatchObject({ code: 'ERR_STATE' });
});

describe('the routes of a classifier', () => {
  async function serveClassifier(options: EmbeddingServiceOptions = {}) {
    const run = await writeTinyRun(await mkdtemp(join(folder, 'classes-')), { classes: ['rose', 'tulip'] });
    const classifier = await createClassifier({ checkpoint: run });
    const app = Fastify();
    app.register(embeddingService(classifier, options));
    onTestFinished(() => app.close());
    const post = (url: string, payload: Buffer, type = 'image/png') =>
      app.inject({ method: 'POST', url, payload, headers: { 'content-type': type } });
    return { classifier, app, post };
  }

  it('classify an image and a batch, and embed', async () => {
    const { classifier, app, post } = await serveClassifier();
    const image = await fixture('rgb.png');
    const { probabilities, ...named } = await classifier.classify(image);
    const expected = { ...named, probabilities: Array.from(probabilities) };
    expect(expected).toMatchObject({
      class: expect.stringMatching(/rose|tulip/),
      runnerUp: { label: 1 - named.label },
    });
    expect((await post('/classify', image)).json()).toEqual(expected);
    const { headers, body } = await encoded(formOf([image, image]));
    const batch = await app.inject({ method: 'POST', url: '/classify/batch', payload: body, headers });
    const { classifications } = batch.json();
    expect(classifications).toHaveLength(2);
    for (const each of classifications) expect(each.class).toBe(named.class);
    expect((await post('/embed', image)).json().dim).toBe(32);
    expect((await app.inject('/')).json().classes).toEqual(['rose', 'tulip']);
  });

  it('answer what they cannot do as those of embedding do', async () => {
    const { post, app } = await serveClassifier({ maxImageBytes: 5000, maxBatchImages: 1 });
    const image = await fixture('rgb.png');
    const { headers, body } = await encoded(formOf([image, image]));
    const answers = await Promise.all([
      post('/classify', await fixture('not-an-image.png')),
      post('/classify', Buffer.alloc(0)),
      post('/classify', Buffer.alloc(5001)),
      post('/classify', Buffer.from('{}'), 'application/json'),
      app.inject({ method: 'POST', url: '/classify/batch', payload: body, headers }),
    ]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([400, 400, 413, 415, 413]);
    expect(answers.every((answer) => typeof answer.json().error.message === 'string')).toBe(true);
  });

  it('are not there without a classifier', async () => {
    const { app } = await serve();
    expect((await app.inject({ method: 'POST', url: '/classify' })).statusCode).toBe(404);
    expect((await app.inject('/')).json()).not.toHaveProperty('classes');
  });
});
