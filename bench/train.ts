/**
 * Pre-training throughput and accuracy beside PyTorch (bench/peers/train_ref.py), in turn, on Fashion-MNIST; and the share
 * that our training reaches of the model's own step on synthetic data.
 *
 * usage: npm run bench -- train [--epochs 2] [--runs 3] [--method supcon|simclr|both] [--seeds 1]
 */
import { parseArgs } from 'node:util';
import { median, ratio, runOurs, runPeer } from './peer.ts';

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '2' },
    runs: { type: 'string', default: '3' },
    method: { type: 'string', default: 'both' },
    data: { type: 'string', default: '/usr/share/datasets/fashion-mnist' },
  },
});
const methods = values.method === 'both' ? ['simclr', 'supcon'] : [values.method];

interface Figures {
  readonly samplesPerSecond: number;
  readonly knn: number;
  readonly loss: number;
}

function ours(method: string, seed: number): Figures {
  const line = runOurs([
    ...['train', '--json', '--data', `fashion-mnist:${values.data}`, '--limit-train', '10000', '--limit-test', '2000'],
    ...['--method', method, '--encoder', 'resnet18', '--width', '16', '--stem', 'cifar', '--batch-size', '256'],
    ...[
      '--epochs',
      values.epochs,
      '--lr',
      '0.05',
      '--temperature',
      '0.1',
      '--precision',
      'bfloat16',
      '--seed',
      String(seed),
    ],
  ]);
  const { samplesPerSecond, loss, knnTop1 } = JSON.parse(line) as Record<string, number>;
  return { samplesPerSecond: samplesPerSecond as number, loss: loss as number, knn: knnTop1 as number };
}

function theirs(method: string, seed: number): Figures {
  const line = runPeer('train_ref.py', [
    ...['--data', values.data, '--train', '10000', '--test', '2000', '--method', method, '--bf16', '--workers', '2'],
    ...[
      '--epochs',
      values.epochs,
      '--batch',
      '256',
      '--width',
      '16',
      '--lr',
      '0.05',
      '--tau',
      '0.1',
      '--seed',
      String(seed),
    ],
  ]);
  const { samples_per_s, loss, knn } = JSON.parse(line.replaceAll('NaN', 'null')) as Record<string, number>; // Python writes NaN
  return { samplesPerSecond: samples_per_s as number, loss: loss as number, knn: knn as number };
}

for (const method of methods) {
  const pairs: [Figures, Figures][] = [];
  for (let seed = 0; seed < Number(values.runs); seed++) {
    const pair: [Figures, Figures] = [ours(method, seed), theirs(method, seed)];
    pairs.push(pair);
    const show = ({ samplesPerSecond, knn, loss }: Figures): string =>
      `${samplesPerSecond.toFixed(0)} samples/s, kNN ${knn.toFixed(4)}, loss ${loss.toFixed(3)}`;
    console.log(`${method} seed ${seed}: ours ${show(pair[0])} | PyTorch ${show(pair[1])}`);
  }
  const column = (side: 0 | 1, key: keyof Figures): number[] => pairs.map((pair) => pair[side][key]);
  const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  console.log(
    `${method}: ${median(column(0, 'samplesPerSecond')).toFixed(0)} against ${median(column(1, 'samplesPerSecond')).toFixed(0)} samples/s, ` +
      `${ratio(column(0, 'samplesPerSecond'), column(1, 'samplesPerSecond'))}; mean kNN ${mean(column(0, 'knn')).toFixed(4)} against ${mean(column(1, 'knn')).toFixed(4)}`,
  );
}
