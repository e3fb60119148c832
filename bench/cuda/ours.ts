/**
 * Our side of bench/cuda.ts: each line that it reads is a job as JSON, and it answers with a line of figures. What it measures
 * is what bench/peers/cuda_ref.py does, in the same way.
 */
import { createInterface } from 'node:readline';
import { inferencePass } from '../../lib/encoders/inference.ts';
import {
  arrayDataset,
  type Dataset,
  type ImageSample,
  loadDataset,
  makeEncoder,
  noGrad,
  ntXentLoss,
  ops,
  presets,
  projectionHead,
  setBackends,
  subset,
  sync,
  type Tensor,
  Trainer,
  tidy,
} from '../../lib/index.ts';
import { inPrecision } from '../../lib/tensor/precision.ts';
import { bareStep } from '../parts/bare-step.ts';
import type { Figures, Job, JobOf } from './jobs.ts';

const [device = 'cpu'] = process.argv.slice(2);
const precision = 'bfloat16';
setBackends({ matmulPrecision: 'high', cudnnBenchmark: true }); // as the peer
const input = { mean: 0.5, std: 0.25 } as const;

/** Calls of `work` a second: some to warm up, then groups of calls, each waited for at its end. */
async function rate(work: () => unknown, seconds: number): Promise<number> {
  let single = 0; // seconds
  for (let i = 0; i < 3; i++) {
    const began = performance.now();
    await work();
    await sync();
    single = (performance.now() - began) / 1000;
  }
  const group = Math.max(1, Math.round(Math.min(0.1, seconds / 4) / single));
  const began = performance.now();
  for (let calls = group; ; calls += group) {
    for (let i = 0; i < group; i++) await work();
    await sync();
    const elapsed = (performance.now() - began) / 1000;
    if (elapsed >= seconds) return calls / elapsed;
  }
}

function randomBytes(count: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(count / 4));
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[i] = state ^ (state >>> 16);
  }
  return new Uint8Array(words.buffer, 0, count);
}

const randomImages = (count: number, size: number): Dataset =>
  arrayDataset(randomBytes(count * size * size * 3), { shape: [count, size, size, 3] });

const samplesOf = ({ get }: Dataset, count: number): Promise<ImageSample[]> =>
  Promise.all(Array.from({ length: count }, async (_, id) => ({ ...(await get(id)), id })));

/** The images again and again, so that epochs are long. */
const repeated = (dataset: Dataset, length: number): Dataset =>
  subset(
    dataset,
    Array.from({ length }, (_, i) => i % dataset.length),
  );

/** What a step lacked, in a few words. */
const inWords = (error: unknown): string => {
  console.error(error);
  const { message } = error as Error;
  return /out of memory/i.test(message) ? 'out of memory' : (message.split('\n')[0] as string).slice(0, 80);
};

/** What the trainer warns of where steps cannot be kept as graphs. */
let whyNoGraphs = '';
process.on('warning', ({ name, message }) => {
  if (name === 'GraphWarning') whyNoGraphs = `not available: ${message.slice(message.indexOf(': ') + 2)}`;
});

async function train({ encoder: name, stem, size, batch, seconds, ...source }: JobOf<'train'>): Promise<Figures> {
  using encoder = makeEncoder({ name, stem, seed: 0 });
  using head = projectionHead({ inFeatures: encoder.featureDim, seed: 0 });
  encoder.to(device);
  head.to(device);
  const figures: Record<string, number | string> = {};
  if (source.folder === undefined) {
    using made = ops.randn([2 * batch, size, size, 3], { seed: 1, device });
    using images = made.permute([0, 3, 1, 2]).to(precision); // channels last in memory
    const forward = (x: typeof images) => inPrecision(precision, () => head.forward(encoder.forward(x)));
    using step = bareStep(forward, [...encoder.parameters(), ...head.parameters()]);
    figures['bare, ours'] = batch * (await rate(() => step(images).dispose(), seconds));
  }
  const dataset =
    source.folder === undefined
      ? randomImages(source.images, source.stored)
      : await loadDataset('folder', { root: source.folder });
  const steps = async (graph: boolean): Promise<number | string> => {
    const trainer = new Trainer({
      ...{ encoder, head, device, precision, batchSize: batch, graph, method: 'simclr' },
      augment: presets.simclr({ size, ...input }),
      optimizer: { name: 'sgd', lr: 1e-3, momentum: 0.9 },
      metrics: false, // the peer has none
      epochs: 1,
    });
    const warm = graph ? 6 : 3; // the third step takes the launches down
    let began = 0;
    for await (const event of trainer.events(repeated(dataset, 1000 * batch))) {
      if (event.kind !== 'step') continue;
      if (graph && whyNoGraphs !== '') return whyNoGraphs;
      if (event.step === warm) began = performance.now();
      const elapsed = (performance.now() - began) / 1000;
      if (event.step > warm && (elapsed >= seconds || event.step >= 1000))
        return (batch * (event.step - warm)) / elapsed;
    }
    throw new Error('the epoch is over');
  };
  figures.ours = await steps(false);
  if (source.graphs) figures['ours, graphs'] = await steps(true).catch(inWords);
  return figures;
}

async function loss({ rows, seconds }: JobOf<'loss'>): Promise<Figures> {
  using drawn = ops.randn([rows / 2, 2, 128], { seed: 0, device });
  using features = drawn.detach();
  features.requiresGrad = true;
  const work = () => {
    using value = ntXentLoss(features, { temperature: 0.1 });
    value.backward();
    features.zeroGrad();
  };
  return { ours: await rate(work, seconds) };
}

async function views({ size, stored, batch, seconds }: JobOf<'views'>): Promise<Figures> {
  const augmentation = presets.simclr({ size, ...input });
  const samples = await samplesOf(randomImages(batch, stored), batch);
  let epoch = 0;
  const ask = () => augmentation.apply(samples, { seed: 1, epoch: epoch++, views: 2, device, dtype: precision });
  let pending = ask();
  const work = async () => {
    const next = ask(); // one batch is computed while the next is asked for
    await pending.ready();
    pending.dispose();
    pending = next;
  };
  const figure = 2 * batch * (await rate(work, seconds));
  pending.dispose();
  return { ours: figure };
}

async function embed({ encoder: name, stem, size, batch, seconds }: JobOf<'embed'>): Promise<Figures> {
  using encoder = makeEncoder({ name, stem, seed: 0 });
  encoder.to(device).eval();
  using forward = inferencePass(encoder);
  const augmentation = presets.evaluation({ size, ...input });
  const samples = await samplesOf(randomImages(batch, size), batch);
  const vectors = (images: Tensor) => inPrecision(precision, () => forward(images)).to('float32');
  using made = ops.randn([batch, size, size, 3], { seed: 1, device });
  using bareImages = made.permute([0, 3, 1, 2]); // channels last in memory
  const bare = () => void tidy(() => vectors(bareImages)).dispose();
  const whole = () => tidy(() => vectors(augmentation.apply(samples, { seed: 0, device })).data());
  return await noGrad(async () => ({
    'bare, ours': batch * (await rate(bare, seconds)),
    ours: batch * (await rate(whole, seconds)),
  }));
}

const perform = (job: Job): Promise<Figures> => {
  if (job.do === 'train') return train(job);
  if (job.do === 'loss') return loss(job);
  return job.do === 'views' ? views(job) : embed(job);
};

for await (const line of createInterface({ input: process.stdin })) {
  const figures = await perform(JSON.parse(line) as Job).catch((error: unknown) => ({ ours: inWords(error) }));
  console.log(JSON.stringify(figures));
}
