/**
 * An HTTP service that turns images into feature vectors, with Fastify 5.
 *
 *     npx tsx examples/fastify-embedder.ts --run runs/supcon --port 3000
 *     curl --data-binary @cat.jpg -H 'content-type: image/jpeg' http://127.0.0.1:3000/embed
 *
 * POST /embed   an image (image/jpeg, image/png, image/webp …) → { dim, embedding: number[] }
 * GET  /health  → { status, dim, step, pending }
 *
 * Requests that arrive together share a forward pass, and none of the work runs on the event loop.
 */
import { parseArgs } from 'node:util';
import { createEmbedder, type Embedder } from 'contrastive';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';

export interface ServerOptions {
  /** Largest request body, in bytes: above, 413. */
  readonly maxImageBytes?: number;
  /** Images at work or waiting at which new ones are turned away with 503, so that a queue never grows without end. */
  readonly maxPending?: number;
  readonly logger?: boolean;
}

/** HTTP statuses of the errors that a request can meet, by their stable code. What is not here is our fault: 500. */
const statuses: Readonly<Record<string, number>> = {
  ERR_DATA: 400, // not an image, damaged, or too large to decode
  ERR_SHAPE: 400,
  ERR_STATE: 503, // the embedder is closed: shutting down
  ERR_ABORTED: 503, // the client is gone, and nobody reads this
};

const refusal = (statusCode: number, code: string, message: string): Error =>
  Object.assign(new Error(message), { statusCode, code });

/**
 * Fires when the client goes away before it has its answer. Not `request.signal`: with Fastify 5.12 that fires as soon as
 * the body of a POST has been read (fastify/fastify#6725).
 */
function clientGone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** The routes around an embedder, which is closed with the server. */
export function buildServer(embedder: Embedder, options: ServerOptions = {}): FastifyInstance {
  const { maxImageBytes = 10_000_000, maxPending = 256, logger = false } = options;
  const app = Fastify({ logger, bodyLimit: maxImageBytes });

  app.removeAllContentTypeParsers(); // no JSON, no text: other types are answered with 415
  app.addContentTypeParser(/^image\//, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.post('/embed', async (request, reply) => {
    const image = request.body;
    if (!Buffer.isBuffer(image) || image.length === 0)
      throw refusal(400, 'ERR_DATA', 'the request body must be an image, with its content-type');
    if (embedder.pending >= maxPending) throw refusal(503, 'ERR_BUSY', 'too many images are waiting; try again');
    const vector = await embedder.embed(image, { signal: clientGone(reply) });
    return { dim: vector.length, embedding: Array.from(vector) };
  });

  app.get('/health', async () => {
    const { dim, info, pending } = embedder;
    return { status: 'ok', dim, step: info.step, pending };
  });

  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? statuses[error.code] ?? 500;
    if (status === 500) request.log.error(error);
    if (status === 503) void reply.header('retry-after', '1');
    const { code, message } = status === 500 ? { code: 'ERR_INTERNAL', message: 'internal error' } : error;
    return reply.code(status).send({ error: { code, message } });
  });

  // Runs when no request is under way any more: a graceful end answers everybody first.
  app.addHook('onClose', () => embedder.close());
  return app;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      run: { type: 'string' },
      port: { type: 'string', default: '3000' },
      host: { type: 'string', default: '127.0.0.1' },
    },
  });
  if (values.run === undefined) throw new Error('--run DIR is required: the folder of a training run');
  const embedder = await createEmbedder({ checkpoint: values.run, normalize: true });
  const app = buildServer(embedder, { logger: true });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close());
  await app.listen({ port: Number(values.port), host: values.host });
}

if (process.argv[1] === import.meta.filename) await main();
