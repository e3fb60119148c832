/**
 * Contrastive losses beside SupContrast's formulation in PyTorch (bench/peers/loss_ref.py), in turn: time of a forward and
 * backward pass, peak memory beyond the inputs, and both in units of one blocked N × N × dim product of our own.
 *
 * usage: npm run bench -- loss [--help]
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ntXentLoss, ops, supConLoss, sync, type Tensor, tensor } from '../lib/index.ts';
import { benchOptions, countOf, forChild } from './parts/options.ts';
import { median, ratio, runPeer } from './peer.ts';

const values = benchOptions({
  rows: { type: 'string', value: 'N,N', default: '4096,8192', help: 'rows that are compared with PyTorch' },
  large: countOf(65_536, 'rows of one pass of ours alone'),
  dim: countOf(128, 'features of a row'),
  runs: countOf(3, 'runs of each side'),
  child: { ...forChild, value: 'LOSS,ROWS,REPEATS' },
});
const dim = values.dim;

const losses: Readonly<Record<string, (features: Tensor, labels: Tensor) => Tensor>> = {
  'supcon out': (features, labels) => supConLoss(features, { labels }),
  'supcon in': (features, labels) => supConLoss(features, { labels, variant: 'in' }),
  'nt-xent': (features) => ntXentLoss(features),
};

interface Figures {
  /** Forward and backward pass, median. */
  readonly milliseconds: number;
  /** Peak resident memory beyond what there was with the inputs made. */
  readonly extraMegabytes: number;
  /** Peak resident memory of the whole process. */
  readonly megabytes: number;
  /** A blocked product of all pairs of rows, once, warm; not measured for the large case. */
  readonly productMilliseconds: number;
}

const residentMegabytes = (): number => process.memoryUsage().rss / 2 ** 20;

/** Forgets the peak so far, where the system can; Linux's counter otherwise holds that of start-up too. */
function forgetPeak(): void {
  if (process.platform === 'linux') writeFileSync('/proc/self/clear_refs', '5');
}

function peakMegabytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS / 1024;
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) as RegExpExecArray;
  return Number(kilobytes) / 1024;
}

function step(loss: (features: Tensor, labels: Tensor) => Tensor, features: Tensor, labels: Tensor): number {
  const start = performance.now();
  const value = loss(features, labels);
  value.backward();
  value.itemSync();
  (features.grad as Tensor).dispose();
  const elapsed = performance.now() - start;
  features.zeroGrad();
  value.dispose();
  return elapsed;
}

/** Two views of rows / 2 samples in 100 classes. */
function inputs(rows: number): { features: Tensor; labels: Tensor } {
  const shape = [rows / 2, 2, dim];
  const random = ops.randn([rows / 2, 2, dim], { seed: 0 });
  const features = tensor(random.dataSync() as Float32Array, { shape, requiresGrad: true });
  random.dispose();
  const classes = Int32Array.from({ length: rows / 2 }, (_, i) => (i * 7919) % 100);
  return { features, labels: tensor(classes, { dtype: 'int64' }) };
}

async function productMilliseconds(rows: number): Promise<number> {
  const side = 512;
  const x = ops.randn([rows, dim], { seed: 0 });
  const blocks = Array.from({ length: rows / side }, (_, i) => ops.narrow(x, 0, i * side, side));
  const times: number[] = [];
  for (let run = 0; run < 4; run++) {
    await sync();
    const start = performance.now();
    for (const a of blocks) for (const b of blocks) ops.mm(a, ops.t(b)).dispose();
    await sync();
    if (run > 0) times.push(performance.now() - start);
  }
  return median(times);
}

async function measure(name: string, rows: number, repeats: number): Promise<Figures> {
  const loss = losses[name] as (typeof losses)[string];
  const small = inputs(64);
  step(loss, small.features, small.labels); // reads the code from disk
  const { features, labels } = inputs(rows);
  await sync();
  forgetPeak();
  const before = residentMegabytes();
  const times: number[] = [];
  for (let run = 0; run < repeats; run++) times.push(step(loss, features, labels));
  const megabytes = peakMegabytes();
  return {
    milliseconds: median(repeats > 1 ? times.slice(1) : times),
    extraMegabytes: megabytes - before,
    megabytes,
    productMilliseconds: repeats > 1 ? await productMilliseconds(rows) : Number.NaN,
  };
}

function ours(name: string, rows: number, repeats = 4): Figures {
  const args = ['--import', 'tsx', fileURLToPath(import.meta.url), '--dim', String(dim)];
  const child = ['--child', `${name},${rows},${repeats}`];
  return JSON.parse(execFileSync(process.execPath, [...args, ...child], { encoding: 'utf8' })) as Figures;
}

function theirs(rows: number): Pick<Figures, 'milliseconds' | 'extraMegabytes'> {
  const line = runPeer('loss_ref.py', [String(rows), String(dim)]);
  const [, milliseconds, extraMegabytes] = /fwd\+bwd (\d+) ms, peak extra (\d+) MB/.exec(line) as RegExpExecArray;
  return { milliseconds: Number(milliseconds), extraMegabytes: Number(extraMegabytes) };
}

function compare(rows: number): void {
  const pairs = Array.from({ length: values.runs }, () => {
    const pair = [ours('supcon out', rows), theirs(rows)] as const;
    const show = ({ milliseconds, extraMegabytes }: (typeof pair)[1]): string =>
      `${milliseconds.toFixed(0)} ms, ${extraMegabytes.toFixed(0)} MB`;
    console.log(`N ${rows}: ours ${show(pair[0])} | PyTorch ${show(pair[1])}`);
    return pair;
  });
  const [we, they] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
  const times = (list: readonly { milliseconds: number }[]): number[] => list.map(({ milliseconds }) => milliseconds);
  const memory = (list: readonly { extraMegabytes: number }[]): number[] => list.map((each) => each.extraMegabytes);
  console.log(
    `N ${rows}: ${ratio(times(they), times(we))} as fast, 1/${median(memory(they.map((b, i) => ({ extraMegabytes: b.extraMegabytes / (we[i] as Figures).extraMegabytes })))).toFixed(0)} of the memory`,
  );
  const units = we.map(({ milliseconds, productMilliseconds: unit }) => milliseconds / unit);
  console.log(`N ${rows}: forward and backward take ${median(units).toFixed(2)} products of all pairs`);
  for (const name of ['supcon in', 'nt-xent']) {
    const { milliseconds, extraMegabytes, productMilliseconds: unit } = ours(name, rows);
    const products = (milliseconds / unit).toFixed(2);
    console.log(
      `N ${rows}: ${name} ${milliseconds.toFixed(0)} ms, ${extraMegabytes.toFixed(0)} MB, ${products} products`,
    );
  }
}

if (values.child === undefined) {
  for (const rows of values.rows.split(',')) compare(Number(rows));
  const rows = values.large;
  const { milliseconds, megabytes } = ours('supcon out', rows, 1);
  console.log(`N ${rows}: ours ${(milliseconds / 1000).toFixed(1)} s, ${megabytes.toFixed(0)} MB in the whole process`);
} else {
  const [name, rows, repeats] = values.child.split(',') as [string, string, string];
  console.log(JSON.stringify(await measure(name, Number(rows), Number(repeats))));
}
