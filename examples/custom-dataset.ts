/**
 * A data set of your own: whatever has a name, a length and get(index). This one draws its images; one over a database or
 * an object store looks the same, with a get() that is async.
 *
 *     npx tsx examples/custom-dataset.ts
 */
import { parseArgs } from 'node:util';
import {
  type Dataset,
  describeDataset,
  extractFeatures,
  knnClassify,
  presets,
  projectionHead,
  resnet18,
  type Sample,
  Trainer,
} from 'contrastive';

const classes = ['horizontal stripes', 'vertical stripes', 'checks'] as const;

/** Whether the point (x, y), in units of the pattern's period, is inked. */
const inked: Readonly<Record<(typeof classes)[number], (x: number, y: number) => boolean>> = {
  'horizontal stripes': (_, y) => y % 1 < 0.5,
  'vertical stripes': (x) => x % 1 < 0.5,
  checks: (x, y) => x % 1 < 0.5 === y % 1 < 0.5,
};

/** Numbers in [0, 1) that are a function of `id` alone: get(i) must give the same image every time. */
function numbersOf(id: number): () => number {
  let state = (id + 1) >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

/** Patterns of random period, phase and colours. */
export class Patterns implements Dataset {
  readonly name = 'patterns';
  readonly classes = classes;
  readonly length: number;
  readonly #size: number;
  readonly #firstId: number;

  /** @param options.firstId of the samples; another range gives other images, such as a test set. */
  constructor(length: number, options: { size?: number; firstId?: number } = {}) {
    this.length = length;
    this.#size = options.size ?? 24;
    this.#firstId = options.firstId ?? 0;
  }

  get(index: number): Sample {
    const id = this.#firstId + index;
    const next = numbersOf(id);
    const size = this.#size;
    const label = id % classes.length;
    const period = 4 + 4 * next();
    const [left, top] = [next(), next()];
    const [ground, ink] = [0, 0].map(() => [0, 0, 0].map(() => Math.floor(256 * next()))) as [number[], number[]];
    const isInked = inked[classes[label] as (typeof classes)[number]];
    const pixels = new Uint8Array(size * size * 3); // height × width × channels, row by row
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++)
        pixels.set(isInked(left + x / period, top + y / period) ? ink : ground, (y * size + x) * 3);
    return { pixels, height: size, width: size, channels: 3, label, id };
  }
}

/** Trains an encoder on patterns; returns the share of unseen ones that kNN names rightly. */
export async function trainOnPatterns(options: { images: number; epochs: number; batchSize: number }): Promise<number> {
  const [train, test] = [new Patterns(options.images), new Patterns(options.images, { firstId: 1_000_000 })];
  using encoder = resnet18({ stem: 'cifar', width: 8 });
  using head = projectionHead({ inFeatures: encoder.featureDim, outFeatures: 64 });
  const { epochs, batchSize } = options;
  const trainer = new Trainer({
    encoder,
    head,
    augment: presets.supcon({ size: 24 }),
    optimizer: { name: 'adamw', lr: 0.002 },
    epochs,
    batchSize,
  });
  await trainer.fit(train);

  const evaluation = presets.evaluation({ size: 24 });
  const fitted = await extractFeatures(encoder, train, { evaluation });
  const judged = await extractFeatures(encoder, test, { evaluation });
  const { accuracy } = await knnClassify(fitted, judged, { k: 5 });
  for (const { features } of [fitted, judged]) features.dispose();
  return accuracy;
}

async function main(): Promise<void> {
  parseArgs(); // there are none: what is typed is refused
  console.log((await describeDataset(new Patterns(768))).text);
  const accuracy = await trainOnPatterns({ images: 768, epochs: 6, batchSize: 64 });
  console.log(
    `kNN on unseen patterns: ${(100 * accuracy).toFixed(1)} %, by chance ${(100 / classes.length).toFixed(1)} %`,
  );
}

if (process.argv[1] === import.meta.filename)
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
