/**
 * Pre-training throughput and accuracy beside PyTorch (bench/peers/train_ref.py), in turn, on the bundled images of
 * Fashion-MNIST: in the precision that `auto` takes on this machine, and in float32.
 *
 * usage: npm run bench -- train [--help]
 */
import { join, resolve } from 'node:path';
import { benchOptions, countOf } from './parts/options.ts';
import { median, ratio, root, runOurs, runOursLines, runPeer } from './peer.ts';

const values = benchOptions({
  epochs: countOf(2, 'passes over the images'),
  runs: countOf(3, 'seeds'),
  method: {
    type: 'string',
    value: 'NAME',
    choices: ['simclr', 'supcon', 'both'],
    default: 'both',
    help: 'what trains',
  },
  precision: {
    type: 'string',
    value: 'NAME',
    choices: ['auto', 'float32', 'both'],
    default: 'both',
    help: 'of the passes',
  },
  data: { type: 'string', value: 'DIR', default: join(root, 'data/fashion-mnist'), help: 'folder of Fashion-MNIST' },
});
const data = resolve(values.data);
const methods = values.method === 'both' ? ['simclr', 'supcon'] : [values.method];
const same = ['--epochs', `${values.epochs}`, '--lr', '0.05', '--width', '16'];

interface Figures {
  readonly samplesPerSecond: number;
  readonly knn: number;
  readonly loss: number;
}

function ours(method: string, seed: number, precision: string): Figures {
  const line = runOurs([
    ...['train', '--json', '--data', `fashion-mnist:${data}`, '--limit-train', '10000', '--limit-test', '2000'],
    ...['--method', method, '--encoder', 'resnet18', '--stem', 'cifar', '--batch-size', '256', '--temperature', '0.1'],
    ...['--precision', precision, '--seed', String(seed), ...same],
  ]);
  const { samplesPerSecond, loss, knnTop1 } = JSON.parse(line) as Record<string, number>;
  return { samplesPerSecond: samplesPerSecond as number, loss: loss as number, knn: knnTop1 as number };
}

function theirs(method: string, seed: number, precision: string): Figures {
  const line = runPeer('train_ref.py', [
    ...['--data', data, '--train', '10000', '--test', '2000', '--method', method, '--workers', '2'],
    ...['--batch', '256', '--tau', '0.1', '--seed', String(seed), ...same],
    ...(precision === 'bfloat16' ? ['--bf16'] : []),
  ]);
  const { samples_per_s, loss, knn } = JSON.parse(line.replaceAll('NaN', 'null')) as Record<string, number>; // Python writes NaN
  return { samplesPerSecond: samples_per_s as number, loss: loss as number, knn: knn as number };
}

/** What `auto` takes for this model, from the first event of a short run. */
function chosenPrecision(): string {
  const lines = runOursLines([
    ...['train', '--json', '--data', `fashion-mnist:${data}`, '--limit-train', '256', '--limit-test', '100'],
    ...['--epochs', '1', '--width', '16'],
  ]);
  const start = lines.map((line) => JSON.parse(line)).find(({ kind }) => kind === 'start');
  console.log(
    `auto takes ${start.precision}${start.precisionSpeeds ? ` (${JSON.stringify(start.precisionSpeeds)})` : ''}`,
  );
  return start.precision;
}

const auto = values.precision === 'float32' ? [] : [chosenPrecision()];
const precisions = new Set([...auto, ...(values.precision === 'auto' ? [] : ['float32'])]);

for (const precision of precisions)
  for (const method of methods) {
    const pairs: [Figures, Figures][] = [];
    for (let seed = 0; seed < values.runs; seed++) {
      const pair: [Figures, Figures] = [ours(method, seed, precision), theirs(method, seed, precision)];
      pairs.push(pair);
      const show = ({ samplesPerSecond, knn, loss }: Figures): string =>
        `${samplesPerSecond.toFixed(0)} samples/s, kNN ${knn.toFixed(4)}, loss ${loss.toFixed(3)}`;
      console.log(`${precision} ${method} seed ${seed}: ours ${show(pair[0])} | PyTorch ${show(pair[1])}`);
    }
    const column = (side: 0 | 1, key: keyof Figures): number[] => pairs.map((pair) => pair[side][key]);
    const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
    console.log(
      `${precision} ${method}: ${median(column(0, 'samplesPerSecond')).toFixed(0)} against ${median(column(1, 'samplesPerSecond')).toFixed(0)} samples/s, ` +
        `${ratio(column(0, 'samplesPerSecond'), column(1, 'samplesPerSecond'))}; mean kNN ${mean(column(0, 'knn')).toFixed(4)} against ${mean(column(1, 'knn')).toFixed(4)}`,
    );
  }
