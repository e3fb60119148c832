/** A process that evaluates alone and with the others, and prints both. */
import { presets } from '../../lib/augment/presets.ts';
import type { Dataset } from '../../lib/data/dataset.ts';
import { destroyProcessGroup, initProcessGroup, rank, worldSize } from '../../lib/distributed/group.ts';
import { extractFeatures, type Features } from '../../lib/evaluate/features.ts';
import { knnClassify, nearestNeighbours } from '../../lib/evaluate/knn.ts';
import type { LabelledFeatures } from '../../lib/evaluate/labelled.ts';
import { linearProbe } from '../../lib/evaluate/linear-probe.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { tinyDataset, tinyModels } from '../train/tiny.ts';

interface Shared {
  readonly distributed: boolean;
}

await initProcessGroup({ timeout: 30 });
const { encoder } = tinyModels();
const augment = presets.evaluation({ size: 12, mean: 0.4, std: 0.25 });

/** Of 4096 rows a job. */
function labelled(count: number, seed: number): LabelledFeatures {
  return { features: ops.randn([count, 4], { seed }), labels: Int32Array.from({ length: count }, (_, i) => i % 7) };
}

const plain = (value: unknown = null): unknown =>
  JSON.parse(JSON.stringify(value, (_, each) => (ArrayBuffer.isView(each) ? Array.from(each as Int32Array) : each)));
const numbers = async ({ features, labels }: Features) => ({
  features: plain(await features.data()),
  labels: plain(labels),
});
const extract = (dataset: Dataset) => async (shared: Shared) =>
  numbers(await extractFeatures(encoder, dataset, { evaluation: augment, batchSize: 4, ...shared }));

const unlabelledAt = (index: number): Dataset => {
  const dataset = tinyDataset(7);
  const get: Dataset['get'] = async (i) => {
    const { label, ...sample } = await dataset.get(i);
    return i === index || label === undefined ? sample : { ...sample, label };
  };
  return { name: dataset.name, length: 7, get };
};

const bank = labelled(40, 1);
const many = labelled(9000, 2);
const few = labelled(5, 3);
const { features: images, labels } = await extractFeatures(encoder, tinyDataset(30), {
  evaluation: augment,
  distributed: true,
});
const pictures: LabelledFeatures = { features: images, labels };

const cases: Readonly<Record<string, (shared: Shared) => Promise<unknown>>> = {
  'features, uneven': extract(tinyDataset(25)),
  'features of a part of the labels': extract(unlabelledAt(6)),
  'features of fewer images than processes': extract(tinyDataset(1)),
  'kNN, uneven': (shared) => knnClassify(bank, many, { k: 5, ...shared }),
  'kNN of one job': (shared) => knnClassify(bank, few, { k: 5, ...shared }),
  neighbours: (shared) => nearestNeighbours(many.features, many.features, { k: 2, excludeSelf: true, ...shared }),
  'linear probe': () => linearProbe(pictures, pictures, { epochs: 2, learningRates: [0.1, 1] }),
};

const results: Record<string, unknown> = {};
for (const [name, evaluate] of Object.entries(cases)) {
  const together = plain(await evaluate({ distributed: true }));
  results[name] = { together, alone: plain(await evaluate({ distributed: false })) };
}

const errorOf = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    return await work;
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return { code, message };
  }
};
const isLast = rank() === worldSize() - 1;
const damaged: Dataset = {
  ...tinyDataset(25),
  get: (index) => {
    if (index === 24) throw new Error('the disk is scratched');
    return tinyDataset(25).get(index);
  },
};
const signal = isLast ? AbortSignal.abort() : undefined;
const options = { evaluation: augment, distributed: true } as const;
const errors = [
  await errorOf(extractFeatures(encoder, damaged, options)),
  await errorOf(extractFeatures(encoder, tinyDataset(25), { ...options, signal })),
  await errorOf(knnClassify(bank, many, { distributed: true, signal })),
  await errorOf(knnClassify(bank, many, { distributed: true, k: 41 })),
];
await destroyProcessGroup();
console.log(JSON.stringify({ results, errors }));
