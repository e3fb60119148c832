/** `contrastive serve`: the encoder of a run behind HTTP. */

import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { holdsClassifier } from '../checkpoint/classifier.ts';
import { openRun } from '../checkpoint/run.ts';
import { messageOf, StateError } from '../errors.ts';
import { countOption } from '../options/kinds.ts';
import { createEmbedder, servingOptions } from '../serve/embedder.ts';
import { createClassifier, ImageClassifier } from '../serve/image-classifier.ts';
import { embeddingService, serviceOptions } from '../serve/service.ts';
import { throwIfAborted } from '../validate.ts';
import { defineCommand } from './command.ts';
import { flag } from './flag.ts';
import { counted } from './format.ts';
import { indexOf, ofIndex, openGiven, withoutPictures } from './index-option.ts';
import { setMachine } from './machine.ts';
import type { Output } from './output.ts';
import { searchPage, searchPageHeaders } from './search-live.ts';
import { ofDevice, ofPrecision, ofThreads } from './shared-options.ts';
import { ofSource, printLoaded, sourceHelp, sourceOf } from './source-option.ts';

export const command = defineCommand({
  name: 'serve',
  summary: 'answer HTTP requests with the features or classes of images',
  places: ['run', 'input'],
  help: `
Loads the encoder of a run (its projection head is dropped), or one with weights from elsewhere, and listens:
  POST /embed         an image, with its content-type (image/jpeg, image/png …)
                      → { "dim": 512, "embedding": [ … ] }
  POST /embed/batch   a form (multipart/form-data), each part an image
                      → { "dim": 512, "embeddings": [ [ … ], … ] }, in the order of the parts
  POST /classify      of a run with a classifier, an image
                      → { "class": "rose", "confidence": 0.93, "runnerUp": { … }, … }
  POST /classify/batch  likewise a form → { "classifications": [ … ] }
  POST /search?k=10   an image → { "neighbours": [ { "number": 7, "name": "cats/1.jpg", "cosine": 0.93 }, … ] },
                      with --input or --index; GET /search is a page to drop images on
  GET  /              what the model is, and the limits
  GET  /health        { "status": "ok", "dim": 512, "step": 400, "pending": 0, "bufferedBytes": 0 }

${sourceHelp}

Requests that arrive together share forward passes. Too much at once is answered with 503 and "retry-after". There is neither TLS nor a login: put it behind a proxy, and leave --host as it is where others reach the machine.

A client that sends the headers of a request for more than 20 seconds or its body for more than 60, gets 408, and its connection is closed.

Ctrl-C or SIGTERM answers what is under way, closes what is still open after --close-timeout seconds, and ends with exit code 0. With --json each line is a record: one with the "url", and those of Fastify's log. Needs the package fastify, version 5.`,
  examples: [
    { run: 'contrastive serve runs/supcon --normalize', explains: 'On http://127.0.0.1:3000.' },
    {
      run: 'contrastive serve runs/supcon/checkpoints/400 --host 0.0.0.0 --port 8080 --json',
      explains: 'An earlier checkpoint, in a container.',
    },
    {
      run: 'contrastive serve runs/photos photos',
      explains: 'With POST /search over the images below photos/, and a page for it at http://127.0.0.1:3000/search.',
    },
    {
      run: 'contrastive serve --encoder resnet50 --weights resnet50-11ad3fa6.pth',
      explains: "The features of torchvision's network, trained on ImageNet.",
    },
  ],
  options: {
    ...ofSource,
    input: {
      type: 'string',
      value: 'FOLDER',
      help: 'images that POST /search searches; their index is brought up to date first',
    },
    ...ofIndex,
    port: flag(
      { ...countOption, min: 0, max: 65_535 },
      { default: 3000, help: 'to listen on; 0 for any that is free' },
    ),
    host: { type: 'string', value: 'NAME', default: '127.0.0.1', help: 'address to listen on; 0.0.0.0 for all' },
    normalize: flag(servingOptions.normalize),
    ...ofPrecision,
    ...ofDevice,
    maxBatch: flag(servingOptions.maxBatch),
    maxImageBytes: flag(serviceOptions.maxImageBytes),
    maxPending: flag(serviceOptions.maxPending),
    maxPixels: flag(servingOptions.maxPixels, { default: 25_000_000 }),
    maxBufferedBytes: flag(serviceOptions.maxBufferedBytes),
    closeTimeout: flag(
      { ...countOption, max: 86_400 },
      { default: 8, help: 'seconds that connections have to end in at the end' },
    ),
    ...ofThreads,
  },
  async run({ options, signal, output }) {
    const { port, host, maxImageBytes, maxPending, maxBufferedBytes } = options;
    const Fastify = await importFastify();
    const source = await sourceOf(options);
    const indexFile = options.index ?? (options.input === undefined ? undefined : indexOf(options.input));
    setMachine(options);
    const served = {
      normalize: options.normalize,
      precision: options.precision,
      device: options.device,
      maxBatch: options.maxBatch,
      maxPixels: options.maxPixels,
      priority: 'bulk', // nothing trains here: a pass may have all threads
    } as const;
    const { checkpoint: run } = source;
    const classifies = run !== undefined && holdsClassifier((await openRun(run)).run.config);
    const embedder = classifies
      ? await createClassifier({ ...served, checkpoint: run })
      : await createEmbedder({ ...source, ...served });
    const app = Fastify({ logger: logTo(output), ...clientTimes });
    app.addHook('preClose', async () => {
      // Node itself would wait for clients that neither send a request nor go away.
      setTimeout(() => app.server.closeAllConnections(), 1000 * options.closeTimeout).unref();
    });
    try {
      const index =
        indexFile === undefined
          ? undefined
          : await openGiven({ index: indexFile, input: options.input }, { embedder, signal, output });
      const unseen = index && withoutPictures(index);
      if (unseen !== undefined) output.warn(unseen);
      const limits = { maxImageBytes, maxPending, ...(maxBufferedBytes !== undefined && { maxBufferedBytes }) };
      await app.register(embeddingService(embedder, { ...limits, ...(index && { index }) }));
      if (index)
        app.get('/search', async (_, reply) => reply.headers(searchPageHeaders).send(searchPage(index.length)));
      throwIfAborted(signal);
      const url = await listen(app, host, port);
      const { dim, info } = embedder;
      const { encoder, step, checkpoint, weights } = info;
      printLoaded(info, output);
      output.emit({ url, dim, ...(weights === undefined ? { step, checkpoint } : { weights: weights.file }) });
      const of = step === undefined ? '' : `, step ${step}`;
      const names = embedder instanceof ImageClassifier ? `, ${embedder.classes.length} classes` : '';
      output.print(`${url} answers: ${encoder.name}, ${dim} features${names}${of}. Ctrl-C ends it.`);
      if (index) output.print(`${url}/search is a page to search ${counted(index.length, 'image')} with one of yours.`);
      if (!signal.aborted) await once(signal, 'abort');
    } finally {
      await app.close();
      await embedder.close();
    }
  },
});

/** What a client may take for its headers and, the service's own limit aside, for a whole request. Fastify has none. */
const clientTimes = {
  requestTimeout: 90_000,
  http: { headersTimeout: 20_000, connectionsCheckingInterval: 2_000 },
} as const;

/** @throws {StateError} fastify is not installed. */
async function importFastify(): Promise<typeof import('fastify').default> {
  try {
    return (await import('fastify')).default;
  } catch (error) {
    throw new StateError(`serving needs the package fastify (npm install fastify@5): ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Fastify's own records under --json; for people what went wrong inside, which no client is told. */
function logTo(output: Output) {
  const write = (line: string): void => {
    const record = JSON.parse(line) as { msg?: string; err?: { message: string } };
    if (output.json) output.emit(record);
    else output.warn(record.err?.message ?? record.msg ?? line.trim());
  };
  return { level: output.json ? 'info' : 'error', stream: { write } };
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    throw new StateError(`cannot listen on ${host}, port ${port}: ${messageOf(error)}`, { cause: error });
  }
}
