/** Worker threads that load the addon and end in every way. usage: workers.ts together|terminate|throw|exit COUNT [DEVICE] */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { loadDevice } from '../../device/device.ts';
import { enqueueSteps } from './step.ts';

const [mode = '', count = '1', device = 'cpu'] = process.argv.slice(2);
if (device !== 'cpu') loadDevice();
const counts = new Map<string, number>();
const tally = (key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

// A worker's entry file is not transformed by --import tsx on Node 20.
const entry = JSON.stringify(new URL('./worker.ts', import.meta.url).href);
const start = `import('tsx/esm/api').then(({ register }) => { register(); return import(${entry}); });`;

/** Starts a worker, ends it, and notes its exit code. */
async function run(end: string, delay: number): Promise<void> {
  const worker = new Worker(start, { eval: true, workerData: { end, device } });
  const exited = new Promise<number>((resolve) => worker.once('exit', resolve));
  worker.on('error', (error) => tally(`error ${(error as Error).message}`));
  const messages: unknown[] = [];
  worker.on('message', (loss) => messages.push(loss));
  await new Promise((resolve) => worker.once('message', resolve));
  if (end === 'run') {
    await sleep(delay);
    await worker.terminate();
  }
  tally(`code ${await exited}`);
  if (messages.every((loss) => Number.isFinite(loss))) tally('computed');
}

if (mode === 'together') {
  await Promise.all(Array.from({ length: Number(count) }, () => run('finish', 0)));
} else {
  const end = mode === 'terminate' ? 'run' : mode;
  const next = Array.from({ length: Number(count) }, (_, i) => i);
  const lane = async (): Promise<void> => {
    for (let i = next.pop(); i !== undefined; i = next.pop()) await run(end, i % 12);
  };
  await Promise.all([lane(), lane()]);
}
tally(`main thread ${Number.isFinite(await enqueueSteps(2, device).item()) ? 'computes' : 'is broken'}`);
console.log(JSON.stringify(Object.fromEntries([...counts].sort())));
