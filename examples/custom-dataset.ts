/**
 * A data set of your own: whatever has a name, a length and get(index). This one draws its images; one over a database or
 * an object store looks the same, with a get() that is async.
 *
 *     npx tsx examples/custom-dataset.ts
 */
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

const classes = ['disc', 'square', 'cross'] as const;

/** Whether the point (x, y), in units of the shape's radius from its centre, is inside the shape. */
const inside: Readonly<Record<(typeof classes)[number], (x: number, y: number) => boolean>> = {
  disc: (x, y) => Math.hypot(x, y) < 1,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.9,
  cross: (x, y) => Math.min(Math.abs(x), Math.abs(y)) < 0.35 && Math.max(Math.abs(x), Math.abs(y)) < 1,
};

/** Numbers in [0, 1) that are a function of `id` alone: get(i) must give the same image every time. */
function numbersOf(id: number): () => number {
  let state = (id + 1) >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

/** Coloured shapes on a coloured ground, somewhere in the image. */
export class Shapes implements Dataset {
  readonly name = 'shapes';
  readonly classes = classes;
  readonly length: number;
  readonly #size: number;
  readonly #firstId: number;

  /** @param firstId of the samples; another range gives other images, such as a test set. */
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
    const radius = size * (0.2 + 0.15 * next());
    const [x, y] = [radius + next() * (size - 2 * radius), radius + next() * (size - 2 * radius)];
    const [ground, ink] = [0, 0].map(() => [0, 0, 0].map(() => Math.floor(256 * next()))) as [number[], number[]];
    const isInside = inside[classes[label] as (typeof classes)[number]];
    const pixels = new Uint8Array(size * size * 3); // height × width × channels, row by row
    for (let row = 0; row < size; row++)
      for (let column = 0; column < size; column++) {
        const color = isInside((column + 0.5 - x) / radius, (row + 0.5 - y) / radius) ? ink : ground;
        pixels.set(color, (row * size + column) * 3);
      }
    return { pixels, height: size, width: size, channels: 3, label, id };
  }
}

/** Trains an encoder on shapes; returns the share of test shapes that kNN names rightly. */
export async function trainOnShapes(options: { images: number; epochs: number; batchSize: number }): Promise<number> {
  const [train, test] = [new Shapes(options.images), new Shapes(options.images, { firstId: 1_000_000 })];
  using encoder = resnet18({ stem: 'cifar', width: 8 });
  using head = projectionHead({ inFeatures: encoder.featureDim, outFeatures: 32 });
  const { epochs, batchSize } = options;
  const trainer = new Trainer({ encoder, head, augment: presets.supcon({ size: 24 }), epochs, batchSize });
  await trainer.fit(train);

  const augment = presets.evaluation({ size: 24 });
  const [fitted, judged] = [
    await extractFeatures(encoder, train, { augment }),
    await extractFeatures(encoder, test, { augment }),
  ];
  using _fitted = fitted.features;
  using _judged = judged.features;
  const labelled = ({ features, labels }: typeof fitted) => ({ features, labels: labels ?? [] });
  return (await knnClassify(labelled(fitted), labelled(judged), { k: 5 })).accuracy;
}

async function main(): Promise<void> {
  console.log((await describeDataset(new Shapes(1024))).text);
  const accuracy = await trainOnShapes({ images: 1024, epochs: 4, batchSize: 64 });
  console.log(
    `kNN on unseen shapes: ${(100 * accuracy).toFixed(1)} %, by chance ${(100 / classes.length).toFixed(1)} %`,
  );
}

if (process.argv[1] === import.meta.filename) await main();
