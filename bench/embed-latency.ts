/**
 * Latency of `embed()` of one image while a Trainer runs in the same process, beside an idle process and beside an embedder
 * that waits its turn among the training steps. Ours alone: no peer does both in one process.
 *
 *     npx tsx bench/embed-latency.ts [--requests 200] [--json]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { presets } from '../lib/augment/presets.ts';
import { formatTable } from '../lib/cli/format.ts';
import { type Dataset, subset } from '../lib/data/dataset.ts';
import { loadDataset } from '../lib/data/load.ts';
import { projectionHead } from '../lib/encoders/projection-head.ts';
import { resnet18 } from '../lib/encoders/resnet.ts';
import { createEmbedder, type Embedder } from '../lib/serve/embedder.ts';
import { Trainer } from '../lib/train/trainer.ts';
import { benchOptions, countOf } from './parts/options.ts';

const size = 28;
const normalisation = { mean: 0.286, std: 0.353 };

/** The demo's training: ResNet-18 of width 16, CIFAR stem, batch 256, two views, bfloat16. */
function makeTrainer(epochs: number): Trainer {
  const encoder = resnet18({ stem: 'cifar', width: 16, inChannels: 1 });
  return new Trainer({
    encoder,
    head: projectionHead({ inFeatures: encoder.featureDim }),
    augment: presets.simclr({ size, ...normalisation }),
    precision: 'auto',
    batchSize: 256,
    epochs,
  });
}

const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))] ?? Number.NaN;

interface Measured {
  readonly name: string;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** 99th percentile of the event loop's delay, ms. */
  readonly loopP99: number;
  /** Median time between two steps' ends, ms; absent without training. */
  readonly step?: number;
}

/** One request after another, with pauses that do not keep step with anything. */
async function request(embedder: Embedder, dataset: Dataset, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const { pixels, height, width } = await dataset.get(i % dataset.length);
    const image = { data: pixels, height, width, channels: 1 } as const;
    const started = performance.now();
    await embedder.embed(image);
    times.push(performance.now() - started);
    await pause(10 + ((i * 7) % 23));
  }
  return times;
}

async function measure(name: string, work: () => Promise<number[]>, training?: () => AsyncIterable<{ kind: string }>) {
  const ends: number[] = [];
  let enough = false;
  const trained = (async () => {
    for await (const event of training?.() ?? []) {
      if (event.kind === 'step') ends.push(performance.now());
      if (enough) break;
    }
  })();
  while (training && ends.length < 3) await pause(20);
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const times = await work();
  loop.disable();
  enough = true;
  await trained;
  const steps = ends.slice(1).map((end, i) => end - (ends[i] as number));
  const result: Measured = {
    name,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    max: Math.max(...times),
    loopP99: loop.percentile(99) / 1e6,
    ...(training && { step: quantile(steps, 0.5) }),
  };
  return result;
}

const values = benchOptions({
  requests: countOf(200, 'requests of each kind'),
  json: { type: 'boolean', help: 'a JSON object a line' },
});
const count = values.requests;
const folder = await mkdtemp(join(tmpdir(), 'embed-latency-'));
try {
  const images = await loadDataset('fashion-mnist', { subset: 'bundled' });
  const checkpoint = join(folder, 'run');
  await makeTrainer(1).fit(
    subset(
      images,
      Array.from({ length: 512 }, (_, i) => i),
    ),
    { out: checkpoint },
  );
  await using interactive = await createEmbedder({ checkpoint });
  await using bulk = await createEmbedder({ checkpoint, priority: 'bulk' });
  const train = () => makeTrainer(1000).events(images);
  const results = [
    await measure('idle', () => request(interactive, images, count)),
    await measure('while training', () => request(interactive, images, count), train),
    await measure(
      'while training, in turn with the steps (priority: bulk)',
      () => request(bulk, images, Math.ceil(count / 10)),
      train,
    ),
  ];
  if (values.json) for (const result of results) console.log(JSON.stringify(result));
  else {
    const rows = results.map(({ name, ...figures }) => [
      name,
      ...[figures.p50, figures.p99, figures.max, figures.loopP99, figures.step].map((ms) => ms?.toFixed(1) ?? '-'),
    ]);
    const head = ['embed() of one image, ms', 'p50', 'p99', 'max', 'event loop p99', 'training step'];
    console.log(formatTable([head, ...rows], { numeric: true }));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
