/** The routes of a service that show the images of an index. */
import type { FastifyError, FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import { OptionError } from '../errors.ts';
import { describe } from '../validate.ts';
import { answerErrors, clientGone } from './answers.ts';
import { refusal } from './body.ts';
import type { ServedEmbedder } from './embedder.ts';
import { Room } from './room.ts';

interface Search {
  readonly k: number;
  readonly signal: AbortSignal;
}

/** What a service needs of an index; a `FeatureIndex` is one. */
export interface SearchedIndex {
  readonly length: number;
  readonly dim: number;
  /** Which model its features are of, where it is known. */
  readonly model?: string | undefined;
  search(vector: Float32Array, options: Search): Promise<readonly object[]>;
  searchLike(number: number, options: Search): Promise<readonly object[]>;
  /** A small JPEG. */
  picture(number: number, options: { readonly signal: AbortSignal }): Promise<Buffer>;
  close(): Promise<void>;
}

/** @throws {OptionError} no open index. */
export function expectSearched(name: string, index: SearchedIndex): SearchedIndex {
  if (typeof index?.search === 'function' && typeof index.searchLike === 'function') return index;
  throw new OptionError(`${name} must be an open FeatureIndex, got ${describe(index)}`);
}

/** @throws {OptionError} the index is of another model: every answer would be nonsense. */
export function expectSameModel(index: SearchedIndex, embedder: ServedEmbedder): void {
  if (index.dim !== embedder.dim)
    throw new OptionError(`index must have the embedder's dim, ${embedder.dim}, got ${describe(index.dim)}`);
  const { model } = embedder.info;
  if (index.model !== undefined && index.model !== model)
    throw new OptionError(
      `index must have features of the embedder's model, ${describe(model)}, got those of ${describe(index.model)}; updateIndex() makes it anew`,
    );
}

const kUsual = 10;
/** Neighbours of an answer. */
const kMost = 100;

/** `?k=`. @throws 400 another number than 1 to 100. */
export function neighboursAsked(query: unknown): number {
  const { k } = query as { readonly k?: unknown };
  if (k === undefined) return kUsual;
  const asked = typeof k === 'string' && /^\d{1,3}$/.test(k) ? Number(k) : 0;
  if (asked < 1 || asked > kMost) throw refusal(400, 'ERR_OPTION', `k must be an integer from 1 to ${kMost}`);
  return asked;
}

/** @param maxPending requests at work above which new ones are turned away. */
export function searchRoutes(index: SearchedIndex, maxPending: number): FastifyPluginAsync {
  const room = new Room(maxPending, 'requests');
  const numberOf = ({ params }: FastifyRequest): number => {
    const { number } = params as { readonly number: string };
    if (!/^\d{1,15}$/.test(number) || Number(number) >= index.length)
      throw refusal(404, 'ERR_DATA', `there are images 0 to ${index.length - 1}`);
    return Number(number);
  };
  return async (app: FastifyInstance) => {
    answerErrors(app, 'none');
    app.get('/search/images/:number', async (request, reply) => {
      const number = numberOf(request);
      const read = (): Promise<Buffer> => index.picture(number, { signal: clientGone(reply) });
      const picture = await room.within(1, read).catch((error: unknown) => {
        if ((error as Partial<FastifyError>).code !== 'ERR_DATA') throw error;
        throw refusal(404, 'ERR_DATA', `image ${number} is gone`); // the error's own text has a path of the server
      });
      return reply
        .type('image/jpeg')
        .header('cache-control', 'private, max-age=60')
        .header('x-content-type-options', 'nosniff')
        .send(picture);
    });
    app.get('/search/images/:number/neighbours', async (request, reply) => {
      const [number, k] = [numberOf(request), neighboursAsked(request.query)];
      const search = (): Promise<readonly object[]> => index.searchLike(number, { k, signal: clientGone(reply) });
      return { neighbours: await room.within(1, search) };
    });
  };
}
