/**
 * What a queue of keys is worth to small batches: kNN accuracy, loss and throughput after training with and without one,
 * on the bundled images, with the README's model (ResNet-18 of width 16, CIFAR stem, bfloat16), for each batch size, seed by
 * seed in turn. Views and temperature are the same; with the queue, half as many views have a gradient, unless symmetric.
 *
 * usage: npm run bench -- momentum [--help]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchOptions, countOf } from './parts/options.ts';
import { runOurs } from './peer.ts';

const values = benchOptions({
  epochs: countOf(5, 'passes over the images'),
  runs: countOf(3, 'seeds'),
  batches: { type: 'string', value: 'N,N', default: '32,64', help: 'batch sizes' },
  queue: countOf(4096, 'keys of the queue'),
  momentum: { type: 'number', value: 'M', min: 0, max: 1, default: 0.99, help: 'of the encoder of the keys' },
  method: {
    type: 'string',
    value: 'NAME',
    choices: ['simclr', 'supcon'],
    default: 'simclr',
    help: 'of the batch alone',
  },
  limit: countOf(10_000, 'training images'),
  symmetric: { type: 'boolean', help: 'both views are queries' },
});

interface Figures {
  readonly samplesPerSecond: number;
  readonly loss: number;
  readonly knnTop1: number;
}

function train(batch: string, seed: number, method: readonly string[]): Figures {
  const folder = mkdtempSync(join(tmpdir(), 'bench-momentum-'));
  try {
    const line = runOurs([
      ...[
        'train',
        '--json',
        '--data',
        'fashion-mnist:bundled',
        '--limit-train',
        `${values.limit}`,
        '--limit-test',
        '2000',
      ],
      ...['--width', '16', '--epochs', `${values.epochs}`],
      ...['--batch-size', batch, '--seed', String(seed), '--out', join(folder, 'run'), ...method],
    ]);
    return JSON.parse(line) as Figures;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const loss = values.method === 'supcon' ? 'supcon' : 'nt-xent';
const alone = ['--method', values.method];
const queue = ['--teacher-momentum', `${values.momentum}`, '--queue', `${values.queue}`];
const withQueue = ['--method', 'moco', '--loss', loss, ...queue];
if (values.symmetric) withQueue.push('--symmetric');

const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
const show = ({ knnTop1, loss, samplesPerSecond }: Figures): string =>
  `kNN ${knnTop1.toFixed(4)}, loss ${loss.toFixed(3)}, ${samplesPerSecond.toFixed(0)} images/s`;

for (const batch of values.batches.split(',')) {
  const plain: Figures[] = [];
  const queued: Figures[] = [];
  for (let seed = 0; seed < values.runs; seed++) {
    plain.push(train(batch, seed, alone));
    queued.push(train(batch, seed, withQueue));
    console.log(
      `${values.method}, batch ${batch}, seed ${seed}: batch alone ${show(plain[seed] as Figures)} | queue of ${values.queue} ${show(queued[seed] as Figures)}`,
    );
  }
  const column = (side: readonly Figures[], key: keyof Figures): number => mean(side.map((figures) => figures[key]));
  console.log(
    `${values.method}, batch ${batch}: mean kNN ${column(plain, 'knnTop1').toFixed(4)} alone, ${column(queued, 'knnTop1').toFixed(4)} with the queue; ` +
      `${(column(queued, 'samplesPerSecond') / column(plain, 'samplesPerSecond')).toFixed(2)}x the images/s`,
  );
}
