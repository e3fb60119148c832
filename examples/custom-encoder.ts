/**
 * An encoder of your own the whole way: trained, embedded with, served, and exported. Its class is in small-net.ts; a run
 * keeps its forward pass, so that what comes after the training needs none of this code.
 *
 *     npx tsx examples/custom-encoder.ts --out runs/small-net
 *
 * The same by commands:
 *
 *     npx contrastive train --data fashion-mnist:bundled --encoder examples/small-net.ts --out runs/small-net
 *     npx contrastive export runs/small-net small-net.onnx
 *     npx contrastive serve runs/small-net
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  createEmbedder,
  embeddingService,
  exportOnnx,
  loadDataset,
  loadEncoder,
  manualSeed,
  presets,
  projectionHead,
  Trainer,
} from 'contrastive';
import Fastify from 'fastify';
import SmallNet from './small-net.ts';

const input = { size: 28, mean: 0.286, std: 0.353, channels: 3 } as const;

export interface Settings {
  /** Folder of the run, which must not exist yet. */
  readonly out: string;
  /** Training images, at most the 10 000 of the package. */
  readonly images: number;
  readonly epochs: number;
}

/** Trains, with the file of the class in the run, so that `contrastive train --resume` finds it. @returns the last loss. */
export async function train({ out, images, epochs }: Settings): Promise<number> {
  const dataset = await loadDataset('fashion-mnist', { split: 'train', limit: images, subset: 'bundled' });
  manualSeed(1); // of the initial weights
  using encoder = new SmallNet();
  using head = projectionHead({ inFeatures: encoder.featureDim });
  const trainer = new Trainer({ encoder, head, augment: presets.supcon(input), batchSize: 128, epochs });
  const { loss } = await trainer.fit(dataset, {
    out,
    encoderFile: fileURLToPath(import.meta.resolve('./small-net.ts')),
    data: { name: 'fashion-mnist', path: 'bundled', limit: images },
  });
  return loss;
}

/** An image's features by the embedder of a run, and by a service around it. */
export async function embedAndServe(run: string, image: Uint8Array) {
  await using embedder = await createEmbedder({ checkpoint: run });
  const vector = await embedder.embed(image);
  const app = Fastify();
  await app.register(embeddingService(embedder));
  try {
    const headers = { 'content-type': 'image/jpeg' };
    const answer = await app.inject({ method: 'POST', url: '/embed', headers, payload: Buffer.from(image) });
    return { vector, served: answer.json<{ dim: number; embedding: number[] }>() };
  } finally {
    await app.close();
  }
}

/** Writes the run's encoder for ONNX runtimes; with the class, as here, or without: `loadEncoder({ checkpoint: run })`. */
export async function exportTrained(run: string, file: string) {
  using encoder = await loadEncoder({ checkpoint: run, encoder: new SmallNet() });
  return await exportOnnx(encoder, file, { input });
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { out: { type: 'string', default: 'runs/small-net' } } });
  const { out } = values;
  console.log(`loss ${(await train({ out, images: 10_000, epochs: 3 })).toFixed(4)}`);
  const { file, bytes } = await exportTrained(out, join(out, 'encoder.onnx'));
  console.log(`${file}: ${bytes} bytes\nnext: npx contrastive serve ${out}`);
}

if (process.argv[1] === import.meta.filename)
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
