/**
 * How long the event loop is kept waiting while tensors are computed: the delay of timers of one millisecond, with a
 * contrastive loss written in TypeScript on N = 2048 rows, forward and backward, awaited once a step; alone, and as the
 * loss of a Trainer (batch 1024, two views). Goal: p99 below 10 ms.
 *
 *     npm run bench -- event-loop [--seconds 10] [--json]
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type CustomLoss,
  loadDataset,
  ops,
  presets,
  projectionHead,
  resnet18,
  type Tensor,
  Trainer,
  tensor,
  tidy,
} from '../lib/index.ts';
import { benchOptions, secondsOf } from './parts/options.ts';

const values = benchOptions({
  seconds: secondsOf(10, 'of each measurement'),
  json: { type: 'boolean', help: 'a JSON object a line' },
});
const milliseconds = values.seconds * 1000;

/** L_out of Khosla et al. 2020, eq. 2: features (n, dim), labels (n). */
function supCon(features: Tensor, labels: Tensor): Tensor {
  const n = features.shape[0] as number;
  const z = ops.normalize(features);
  const self = ops.eye(n, { dtype: 'bool' });
  const logits = z.matmul(z.t()).div(0.1).maskedFill(self, Number.NEGATIVE_INFINITY); // (n, n)
  const logProb = logits.sub(logits.logsumexp(1, true));
  const positive = labels.unsqueeze(0).eq(labels.unsqueeze(1)).logicalAnd(self.logicalNot());
  const perAnchor = logProb.maskedFill(positive.logicalNot(), 0).sum(1).div(positive.sum(1).clamp(1));
  return perAnchor.mean().neg();
}

async function byHand(isOver: () => boolean): Promise<number> {
  const x = ops.randn([2048, 256], { seed: 1 });
  const labels = tensor(Int32Array.from({ length: 2048 }, (_, i) => i % 100));
  const weight = ops.randn([256, 128], { seed: 2 });
  weight.requiresGrad = true;
  let steps = 0;
  for (; !isOver(); steps++)
    await tidy(async () => {
      weight.zeroGrad();
      const loss = supCon(x.matmul(weight), labels);
      loss.backward();
      weight.detach().sub_((weight.grad as Tensor).mul(0.1));
      return loss.item();
    });
  return steps;
}

const byTrainer =
  (compile: boolean) =>
  async (isOver: () => boolean): Promise<number> => {
    const dataset = await loadDataset('fashion-mnist', { subset: 'bundled', split: 'train' });
    const encoder = resnet18({ stem: 'cifar', width: 4, inChannels: 1, seed: 0 });
    const loss: CustomLoss = (features, { labels }) => {
      const [batch, views, dim] = features.shape as [number, number, number];
      return supCon(features.reshape([batch * views, dim]), (labels as Tensor).repeatInterleave(views));
    };
    const trainer = new Trainer({
      encoder,
      head: projectionHead({ inFeatures: encoder.featureDim, seed: 0 }),
      loss,
      augment: presets.supcon({ size: 28, mean: 0.286, std: 0.353 }),
      precision: 'auto',
      batchSize: 1024,
      epochs: 1000,
      compile,
    });
    let steps = 0;
    for await (const event of trainer.events(dataset)) {
      if (event.kind === 'step') steps++;
      if (isOver()) break;
    }
    return steps;
  };

async function measure(name: string, work: (isOver: () => boolean) => Promise<number>) {
  await work(() => true); // loading, first use
  const end = performance.now() + milliseconds;
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const steps = await work(() => performance.now() > end);
  loop.disable();
  const at = (percentile: number): number => Number((loop.percentile(percentile) / 1e6).toFixed(2));
  return { name, steps, p50: at(50), p99: at(99), p999: at(99.9), max: Number((loop.max / 1e6).toFixed(2)) };
}

const rows = [
  await measure('idle', async (isOver) => {
    while (!isOver()) await pause(50);
    return 0;
  }),
  await measure('a loss in TypeScript, N 2048', byHand),
  await measure('the same inside a Trainer', byTrainer(false)),
  await measure('the same, compiled', byTrainer(true)),
];
if (values.json) for (const row of rows) console.log(JSON.stringify(row));
else console.table(rows); // times in ms
