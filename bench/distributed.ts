/**
 * One process of all threads beside one process a thread, in turn, on one machine: the images/s of the same training, what
 * the processes send each other a step, and how much of that is hidden behind computation.
 *
 * usage: npm run bench -- distributed [--help]
 */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  destroyProcessGroup,
  groupTraffic,
  initProcessGroup,
  isDistributed,
  loadDataset,
  presets,
  projectionHead,
  rank,
  resnet18,
  type StepEvent,
  setThreads,
  Trainer,
} from '../lib/index.ts';
import { benchOptions, countOf } from './parts/options.ts';
import { median, ratio } from './peer.ts';

const values = benchOptions({
  ranks: countOf(2, 'processes'),
  steps: countOf(30, 'steps of a run'),
  batch: countOf(256, 'images of a step, of all processes'),
  runs: countOf(3, 'runs of each side'),
  precision: { type: 'string', value: 'NAME', choices: ['auto', 'float32'], default: 'float32', help: 'of the passes' },
  child: { type: 'boolean', help: 'of a child process' },
  threads: countOf(1, 'CPU threads of a child process'),
  width: countOf(16, 'channels of the first layer'),
});
const ranks = values.ranks;
const steps = values.steps;
const batchSize = values.batch;

interface Figures {
  readonly samplesPerSecond: number;
  readonly parameters: number;
  /** A step; absent for one process. */
  readonly megabytes?: number;
  readonly collectives?: number;
  readonly underWay?: number;
  readonly waited?: number;
}

async function train(): Promise<Figures> {
  setThreads(values.threads);
  if (process.env.WORLD_SIZE !== undefined) await initProcessGroup();
  const dataset = await loadDataset('fashion-mnist', {
    subset: 'bundled',
    limit: batchSize * steps,
  });
  const encoder = resnet18({ stem: 'cifar', width: values.width, inChannels: 1, seed: 0 });
  const trainer = new Trainer({
    encoder,
    head: projectionHead({ inFeatures: encoder.featureDim }),
    augment: presets.simclr({ size: 28, mean: 0.286, std: 0.353 }),
    method: 'simclr',
    precision: values.precision as 'auto' | 'float32',
    batchSize,
    epochs: 1,
  });
  const began: { time?: number; traffic?: ReturnType<typeof groupTraffic> } = {};
  const warm = Math.min(5, steps - 1);
  const onEvent = (event: { readonly kind: string }): void => {
    if (event.kind !== 'step' || (event as StepEvent).step !== warm) return;
    began.time = performance.now();
    if (isDistributed()) began.traffic = groupTraffic();
  };
  await trainer.fit(dataset, { onEvent });
  const seconds = (performance.now() - (began.time as number)) / 1000;
  const counted = steps - warm;
  const parameters = [...encoder.namedParameters().values()].reduce(
    (sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1),
    0,
  );
  const figures = { samplesPerSecond: (counted * batchSize) / seconds, parameters };
  if (began.traffic === undefined) return figures;
  const { traffic } = began;
  const now = groupTraffic();
  await destroyProcessGroup();
  return {
    ...figures,
    megabytes: (now.bytes - traffic.bytes) / counted / 1e6,
    collectives: (now.collectives - traffic.collectives) / counted,
    underWay: (now.underWay - traffic.underWay) / counted,
    waited: (now.waited - traffic.waited) / counted,
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function figuresOf(processes: number, threads: number): Promise<Figures> {
  const port = String(await freePort());
  const run = (of: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const place = { RANK: String(of), WORLD_SIZE: String(processes), MASTER_ADDR: 'localhost', MASTER_PORT: port };
      const args = ['--import', 'tsx', fileURLToPath(import.meta.url), '--child', '--threads', String(threads)];
      const { steps, batch, precision, width } = values;
      const given = Object.entries({ steps, batch, precision, width }).flatMap(([name, value]) => [
        `--${name}`,
        `${value}`,
      ]);
      const env = { ...process.env, OMP_NUM_THREADS: String(threads), ...(processes > 1 && place) };
      const child = spawn(process.execPath, [...args, ...given], { env, stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      child.stdout.on('data', (chunk) => (text += chunk));
      child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`rank ${of} ended with ${code}`))));
    });
  const [first] = await Promise.all(Array.from({ length: processes }, (_, of) => run(of)));
  return JSON.parse(first as string) as Figures;
}

if (values.child) {
  const figures = await train();
  if (rank() === 0) console.log(JSON.stringify(figures));
} else {
  const threads = availableParallelism();
  const pairs: [Figures, Figures][] = [];
  for (let i = 0; i < values.runs; i++) {
    const pair: [Figures, Figures] = [
      await figuresOf(ranks, Math.max(1, Math.floor(threads / ranks))),
      await figuresOf(1, threads),
    ];
    pairs.push(pair);
    console.log(
      pair
        .map(
          ({ samplesPerSecond }, side) =>
            `${side === 0 ? `${ranks} processes` : `1 process of ${threads} threads`}: ${samplesPerSecond.toFixed(0)} images/s`,
        )
        .join(' | '),
    );
  }
  const column = (side: 0 | 1): number[] => pairs.map((pair) => pair[side].samplesPerSecond);
  console.log(`${ranks} processes beside one: ${ratio(column(0), column(1))}`);
  const of = (name: 'megabytes' | 'collectives' | 'underWay' | 'waited'): number =>
    median(pairs.map(([many]) => many[name] as number));
  const [many] = pairs[0] as [Figures, Figures];
  const step = batchSize / median(column(0));
  console.log(
    `a step of ${(step * 1000).toFixed(0)} ms: ${of('megabytes').toFixed(2)} MB in ${of('collectives').toFixed(0)} collectives (${((many.parameters * 4) / 1e6).toFixed(2)} MB of parameters); ` +
      `${(of('underWay') * 1000).toFixed(1)} ms under way, ${(of('waited') * 1000).toFixed(1)} ms waited for: ${(100 * (1 - of('waited') / of('underWay'))).toFixed(0)} % hidden, ${((100 * of('waited')) / step).toFixed(1)} % of the step`,
  );
}
