/**
 * The embedding service inside a Fastify application of one's own. `contrastive serve` is the same without the application.
 *
 *     npx tsx examples/fastify-embedder.ts --run runs/supcon --port 3000
 *     curl --data-binary @cat.jpg -H 'content-type: image/jpeg' http://127.0.0.1:3000/embed
 *
 * The routes, limits and statuses are those of `embeddingService`; what is yours (a login, metrics, other routes) goes around it.
 */
import { parseArgs } from 'node:util';
import { createEmbedder, type Embedder, type EmbeddingServiceOptions, embeddingService } from 'contrastive';
import Fastify, { type FastifyInstance } from 'fastify';

/** An application around an embedder, which is closed with it. */
export function buildServer(
  embedder: Embedder,
  { logger = false, ...options }: EmbeddingServiceOptions & { readonly logger?: boolean } = {},
): FastifyInstance {
  // The service bounds the bodies of its requests; how long clients may take for headers is the application's to say.
  const app = Fastify({ logger, requestTimeout: 90_000, http: { headersTimeout: 20_000 } });
  app.register(embeddingService(embedder, options));
  app.addHook('preClose', async () => {
    setTimeout(() => app.server.closeAllConnections(), 8_000).unref(); // a client may keep a connection open for ever
  });
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
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port must be a whole number from 0 to 65535, got '${values.port}'`);
  const embedder = await createEmbedder({ checkpoint: values.run, normalize: true, maxPixels: 25_000_000 });
  const app = buildServer(embedder, { logger: true });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close());
  await app.listen({ port, host: values.host });
}

if (process.argv[1] === import.meta.filename)
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
