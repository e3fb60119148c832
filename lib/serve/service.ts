/** An embedder over HTTP, as a plugin for Fastify 5: an application of its own, or a part of a larger one. */
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { OptionError } from '../errors.ts';
import { countOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { describe, expectNumber } from '../validate.ts';
import { answerErrors, clientGone } from './answers.ts';
import { BodyBuffers, refusal } from './body.ts';
import type { ServedEmbedder } from './embedder.ts';
import { type Classification, ImageClassifier } from './image-classifier.ts';
import { filesOfForm } from './multipart.ts';
import { Room } from './room.ts';
import { expectSameModel, expectSearched, neighboursAsked, searchRoutes } from './search-routes.ts';

const limit = { ...countOption, max: 2 ** 31 - 1 } as const;

export const serviceOptions = {
  /** Largest image, in bytes: above, 413. Default 10 000 000. */
  maxImageBytes: { ...limit, default: 10_000_000, help: 'largest image, in bytes' },
  /** Largest body of a batch, in bytes: above, 413. Default 40 000 000. */
  maxBatchBytes: { ...limit, default: 40_000_000 },
  /** Most images in a batch: above, 413. Default 32. */
  maxBatchImages: countOption,
  /** Images at work or waiting above which new ones are turned away with 503: a queue never grows without end. Default 256. */
  maxPending: {
    ...{ ...limit, default: 256 },
    help: 'images at work or waiting above which new ones are turned away',
  },
  /**
   * Bytes of request bodies that are held at once, from their arrival to the answer: above, 503. Default 256 000 000, at least
   * `maxImageBytes` and `maxBatchBytes`.
   */
  maxBufferedBytes: {
    ...{ ...countOption, usual: '256 MB' },
    help: 'bytes of requests held at once, above which new ones are turned away',
  },
  /** How long a body may take to arrive, in ms: above, 408, and the connection is closed. Default 60 000. */
  bodyTimeoutMs: { ...limit, default: 60_000 },
  /** The images that `POST /search` searches, of the same model as the embedder: an open `FeatureIndex`. It is closed with the server. */
  index: { type: 'checked', check: expectSearched },
} as const satisfies OptionTable;

export interface EmbeddingServiceOptions extends OptionsOf<typeof serviceOptions> {}

// biome-ignore lint/suspicious/noTsIgnore: it is for the declarations, where whether fastify is installed is their reader's affair
/** @ts-ignore: `any` without fastify, an optional peer. What `app.register()` takes. */
export type FastifyPlugin = import('fastify').FastifyPluginAsync;

/**
 * Routes around an embedder, which is closed with the server:
 *
 *     POST /embed         an image (image/jpeg, image/png, image/webp …) → { dim, embedding: number[] }
 *     POST /embed/batch   multipart/form-data, each part an image → { dim, embeddings: number[][] }, in their order
 *     GET  /              what the model is, and the limits
 *     GET  /health        { status, dim, step, pending, bufferedBytes }
 *
 * Around a classifier these too:
 *
 *     POST /classify         an image → { class, label, confidence, runnerUp: { class, label, confidence }, probabilities: number[] }
 *     POST /classify/batch   a form, each part an image → { classifications: [ … ] }, in their order
 *
 * With an index:
 *
 *     POST /search?k=10                    an image → { neighbours: [{ number, name, cosine }] }, nearest first
 *     GET  /search/images/N                a small JPEG of image N of the index
 *     GET  /search/images/N/neighbours     as POST /search, for that image
 *
 * Requests that arrive together share forward passes, and none of that work runs on the event loop. An image that cannot be
 * decoded is answered with 400, and with it its batch; too much at once with 503 and `retry-after`. Errors are
 * `{ error: { code, message } }`. Parsers and error handler concern these routes only.
 *
 * @param embedder from `createEmbedder()` or `createClassifier()`, or an object of yours that passes calls on to one.
 * @throws {OptionError} an unknown or wrong option; an index whose `model` is another one than the embedder's.
 * @example
 * const app = Fastify();
 * app.register(embeddingService(embedder), { prefix: '/images' });
 */
export function embeddingService(embedder: ServedEmbedder, options: EmbeddingServiceOptions = {}): FastifyPlugin {
  if (typeof embedder?.embed !== 'function')
    throw new OptionError(
      `embedder must be what createEmbedder() or createClassifier() resolves to, got ${describe(embedder)}`,
    );
  const { index, ...given } = resolveOptions('embeddingService', serviceOptions, options);
  const limits = limitsOf(given);
  if (index !== undefined) expectSameModel(index, embedder);
  const { maxImageBytes, maxBatchBytes, maxBatchImages, maxPending } = limits;
  const bodies = new BodyBuffers(limits);
  const classifier = embedder instanceof ImageClassifier ? embedder : undefined;

  // Those of a form count as a whole: the embedder takes it up a few at a time.
  const room = new Room(maxPending, 'images');
  const whereRoom = <T>(images: number, work: () => Promise<T>): Promise<T> =>
    room.within(images, work, embedder.pending);

  /** Lets bodies of one kind in, as bytes; others are answered with 415. */
  function takeOnly(app: FastifyInstance, type: string | RegExp, accepts: string, maxBytes: number): void {
    app.removeAllContentTypeParsers();
    app.addHook('onRequest', async (request, reply) => bodies.watch(request.raw, reply.raw));
    app.addContentTypeParser(type, (request: FastifyRequest, payload: Readable) =>
      bodies.read(request.raw, payload, maxBytes),
    );
    answerErrors(app, accepts);
  }

  async function one(app: FastifyInstance): Promise<void> {
    takeOnly(app, /^image\//, "an image's (image/jpeg, image/png …)", maxImageBytes);
    const imageOf = ({ body }: FastifyRequest): Buffer => {
      if (!Buffer.isBuffer(body) || body.length === 0)
        throw refusal(400, 'ERR_DATA', 'the request body must be an image, with its content-type; it is empty');
      return body;
    };
    app.post('/embed', async (request, reply) => {
      const image = imageOf(request);
      const vector = await whereRoom(1, () => embedder.embed(image, { signal: clientGone(reply) }));
      return { dim: vector.length, embedding: Array.from(vector) };
    });
    if (index !== undefined)
      app.post('/search', async (request, reply) => {
        const k = neighboursAsked(request.query);
        const image = imageOf(request);
        const signal = clientGone(reply);
        const neighbours = await whereRoom(1, async () =>
          index.search(await embedder.embed(image, { signal }), { k, signal }),
        );
        return { neighbours };
      });
    if (classifier !== undefined)
      app.post('/classify', async (request, reply) => {
        const image = imageOf(request);
        return plain(await whereRoom(1, () => classifier.classify(image, { signal: clientGone(reply) })));
      });
  }

  async function batch(app: FastifyInstance): Promise<void> {
    takeOnly(app, 'multipart/form-data', 'multipart/form-data', maxBatchBytes);
    const imagesOf = ({ body, headers }: FastifyRequest): Uint8Array[] => {
      if (!Buffer.isBuffer(body))
        throw refusal(400, 'ERR_DATA', 'the request body must be multipart/form-data; it is empty');
      const images = filesOfForm(body, headers['content-type'] as string, maxBatchImages);
      if (images === undefined) throw refusal(413, 'ERR_DATA', `a batch may have ${maxBatchImages} parts`);
      for (const [i, image] of images.entries())
        if (image.length > maxImageBytes)
          throw refusal(413, 'ERR_DATA', `inputs[${i}] may have ${maxImageBytes} bytes`);
      return images;
    };
    app.post('/embed/batch', async (request, reply) => {
      const images = imagesOf(request);
      const embed = (): Promise<Float32Array[]> => embedder.embed(images, { signal: clientGone(reply) });
      const vectors = await whereRoom(images.length, embed);
      return { dim: embedder.dim, embeddings: vectors.map((vector) => Array.from(vector)) };
    });
    if (classifier === undefined) return;
    app.post('/classify/batch', async (request, reply) => {
      const images = imagesOf(request);
      const classify = (): Promise<Classification[]> => classifier.classify(images, { signal: clientGone(reply) });
      const classifications = await whereRoom(images.length, classify);
      return { classifications: classifications.map(plain) };
    });
  }

  return async (app) => {
    app.register(one);
    app.register(batch);
    if (index !== undefined) app.register(searchRoutes(index, maxPending));
    app.get('/', async () => {
      const { checkpoint: _, weights: __, ...facts } = embedder.info; // paths of the server are nobody's business
      return {
        ...facts,
        ...(classifier && { classes: classifier.classes }),
        limits,
        ...(index !== undefined && { images: index.length }),
      };
    });
    app.get('/health', async () => {
      const { dim, info } = embedder;
      const pending = Math.max(room.taken, embedder.pending);
      return { status: 'ok', dim, step: info.step, pending, bufferedBytes: bodies.held };
    });
    // A graceful end answers everybody first, and then does not wait for clients that keep their connection open.
    let closing = false;
    app.addHook('preClose', async () => {
      closing = true;
    });
    app.addHook('onSend', async (_request, reply) => {
      if (closing) reply.header('connection', 'close');
    });
    // When no request is under way any more.
    app.addHook('onClose', async () => {
      await index?.close();
      await embedder.close();
    });
  };
}

/** As JSON has it. */
const plain = ({ probabilities, ...named }: Classification) => ({ ...named, probabilities: Array.from(probabilities) });

type Given = Omit<ResolvedOf<typeof serviceOptions>, 'index'>;
type Limits = { readonly [K in keyof Given]-?: number };

/** Those that follow from others, too: what never finds room would be told to try again for ever. */
function limitsOf({ maxBufferedBytes, maxBatchImages, ...limits }: Given): Limits {
  const { maxImageBytes, maxBatchBytes, maxPending } = limits;
  const least = Math.max(maxImageBytes, maxBatchBytes);
  const buffered = maxBufferedBytes ?? Math.max(256_000_000, least);
  const images = maxBatchImages ?? Math.min(32, maxPending);
  return {
    ...limits,
    maxBufferedBytes: expectNumber('maxBufferedBytes', buffered, { ...countOption, min: least }),
    maxBatchImages: expectNumber('maxBatchImages', images, { ...countOption, max: maxPending }),
  };
}
