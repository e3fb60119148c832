/**
 * Augmentation beside torchvision (bench/peers/augment_ref.py: PIL images, and transforms v2 on tensors), one core each, in
 * turn: SimCLR's recipe at 32 pixels and, with its blur, at 224. Ours goes all the way: `apply` in Node, the pool, a batch
 * that is ready; on Linux all threads of both sides are bound to one core. Then the share of each operation (time with and
 * without it), and a plain copy of the same bytes.
 *
 * usage: npm run bench -- augment [--help]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  type Augmentation,
  augment,
  colorJitter,
  gaussianBlur,
  type ImageSample,
  normalize,
  randomGrayscale,
  randomHorizontalFlip,
  randomResizedCrop,
  setAugmentThreads,
  setThreads,
  simclrKernelSize,
  type Transform,
} from '../lib/index.ts';
import { benchOptions, countOf, secondsOf } from './parts/options.ts';
import { median, peerPython, ratio, root } from './peer.ts';

const values = benchOptions({ runs: countOf(3, 'runs of each side'), seconds: secondsOf(1, 'of each measurement') });
const runs = values.runs;
const seconds = values.seconds;

interface Setting {
  readonly size: number;
  /** Images, as many as the peer has; and how many of them a batch. */
  readonly images: number;
  readonly batch: number;
}

const settings: readonly Setting[] = [
  { size: 32, images: 1500, batch: 250 },
  { size: 224, images: 150, batch: 50 },
];

const jitter = { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 };

/** The peer's recipe, operation by operation. */
function recipeAt(size: number): Record<string, Transform> {
  return {
    crop: randomResizedCrop(size, { scale: [0.2, 1] }),
    flip: randomHorizontalFlip(),
    jitter: colorJitter(jitter),
    gray: randomGrayscale({ p: 0.2 }),
    ...(size > 100 && { blur: gaussianBlur(simclrKernelSize(size), { p: 0.5 }) }),
    normalize: normalize(0.5, 0.25),
  };
}

/** Random bytes, as the peer's. */
function imagesOf({ size, images }: Setting): ImageSample[] {
  let state = 1;
  return Array.from({ length: images }, (_, id) => {
    const pixels = new Uint8Array(size * size * 3);
    for (let i = 0; i < pixels.length; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      pixels[i] = state >>> 24;
    }
    return { pixels, height: size, width: size, channels: 3, id };
  });
}

interface Figures {
  /** Views a second. */
  readonly rate: number;
  /** How many cores it kept busy. */
  readonly cores: number;
  /** CPU time of a view, in microseconds. */
  readonly time: number;
}

/** One batch is computed while the next is asked for. */
async function measure(
  augmentation: Augmentation,
  samples: readonly ImageSample[],
  { batch }: Setting,
  forSeconds = seconds,
): Promise<Figures> {
  const batches = Array.from({ length: samples.length / batch }, (_, i) => samples.slice(i * batch, (i + 1) * batch));
  const ask = (epoch: number, i: number) => augmentation.apply(batches[i] as ImageSample[], { seed: 1, epoch });
  for (let i = 0; i < batches.length; i++) {
    using warm = ask(0, i);
    await warm.ready();
  }
  const cpu = process.cpuUsage();
  const began = performance.now();
  let views = 0;
  let pending = ask(1, 0);
  for (let epoch = 1; performance.now() - began < 1000 * forSeconds; epoch++) {
    for (let i = 0; i < batches.length; i++) {
      const next = ask(epoch, (i + 1) % batches.length);
      await pending.ready();
      pending.dispose();
      pending = next;
      views += batch;
    }
  }
  await pending.ready();
  pending.dispose();
  views += batch;
  const elapsed = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  const microseconds = user + system;
  return { rate: (1000 * views) / elapsed, cores: microseconds / 1000 / elapsed, time: microseconds / views };
}

/** Views a second if a view were a copy of its bytes in and of its floats out. */
function measureCopies(samples: readonly ImageSample[], { size, batch }: Setting): number {
  const inBytes = size * size * 3;
  const outBytes = 4 * inBytes;
  const source = Buffer.alloc(batch * outBytes, 1);
  const target = Buffer.alloc(batch * outBytes);
  const input = Buffer.alloc(batch * inBytes);
  const images = samples.slice(0, batch).map(({ pixels }) => Buffer.from(pixels.buffer));
  let views = 0;
  const began = performance.now();
  while (performance.now() - began < 300) {
    for (const [i, image] of images.entries()) image.copy(input, i * inBytes);
    for (let i = 0; i < batch; i++) source.copy(target, i * outBytes, i * outBytes, (i + 1) * outBytes);
    views += batch;
  }
  return (1000 * views) / (performance.now() - began);
}

/** The peer's lines, as views a second by size and path: "32 PIL", "224 v2 tensor". */
function measurePeer(): Map<string, number> {
  const script = join(root, 'bench', 'peers', 'augment_ref.py');
  const text = execFileSync(peerPython(), [script], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  return new Map(
    [...text.matchAll(/^(\d+ .+?) (\d+) views\/s/gm)].map((match) => [match[1] as string, Number(match[2])]),
  );
}

/**
 * The CPU time of a view without each operation, in turn and several times; the least counts, since what disturbs a
 * measurement only adds to it.
 */
async function showShares(setting: Setting, samples: readonly ImageSample[]): Promise<void> {
  const recipe = recipeAt(setting.size);
  const off = { brightness: [1, 1], contrast: [1, 1], saturation: [1, 1], hue: [0, 0] } as const;
  const variants = new Map<string, Record<string, Transform>>([['all', recipe]]);
  for (const name of Object.keys(recipe)) {
    const { [name]: _left, ...rest } = recipe;
    variants.set(name, rest);
  }
  for (const name of Object.keys(off) as (keyof typeof off)[])
    variants.set(name, { ...recipe, jitter: colorJitter({ ...jitter, [name]: off[name] }) });
  const best = new Map<string, number>();
  for (let round = 0; round < 5; round++) {
    for (const [name, transforms] of variants) {
      const { time } = await measure(augment(Object.values(transforms)), samples, setting, seconds / 5);
      best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, time));
    }
  }
  const all = best.get('all') as number;
  const shares = [...best].slice(1).map(([name, time]) => `${name} ${share(all - time, all)}`);
  console.log(`${setting.size} px: ${all.toFixed(1)} µs of CPU time a view, of which ${shares.join(', ')}`);
}

const share = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(0)} %`;

/** Binds this process, and the peers that it starts, to one core; without taskset, one thread a side must do. */
function bindToOneCore(): string {
  const core = String(availableParallelism() - 1);
  const { status } = spawnSync('taskset', ['-a', '-p', '-c', core, String(process.pid)]);
  return status === 0 ? `bound to core ${core}` : 'one thread each, not bound to a core';
}

console.log(bindToOneCore());
setThreads(1);
setAugmentThreads(1);
const images = new Map(settings.map((setting) => [setting.size, imagesOf(setting)]));
const ours = new Map(settings.map(({ size }) => [size, [] as number[]]));
const copies = new Map(settings.map(({ size }) => [size, [] as number[]]));
const theirs = new Map<string, number[]>();
let leastCores = 1;
for (let run = 0; run < runs; run++) {
  const line: string[] = [];
  for (const setting of settings) {
    const { size } = setting;
    const samples = images.get(size) as ImageSample[];
    const { rate, cores } = await measure(augment(Object.values(recipeAt(size))), samples, setting);
    leastCores = Math.min(leastCores, cores);
    ours.get(size)?.push(rate);
    copies.get(size)?.push(measureCopies(samples, setting));
    line.push(`${size} px ${rate.toFixed(0)} views/s on ${cores.toFixed(2)} cores`);
  }
  for (const [name, rate] of measurePeer()) {
    theirs.set(name, [...(theirs.get(name) ?? []), rate]);
    line.push(`torchvision ${name} ${rate}`);
  }
  console.log(`run ${run + 1}: ${line.join(' | ')}`);
}

if (leastCores < 0.9) console.log('other programs took a part of the core: these figures are not to be quoted');
for (const setting of settings) {
  const { size } = setting;
  const rates = ours.get(size) as number[];
  const rate = median(rates);
  const nanoseconds = 1e9 / rate / size ** 2;
  const copied = median(copies.get(size) as number[]);
  console.log(
    `${size} px: ${rate.toFixed(0)} views/s, ${nanoseconds.toFixed(2)} ns a pixel; ${(copied / rate).toFixed(1)} times a copy of the bytes (${copied.toFixed(0)} views/s)`,
  );
  for (const path of ['v2 tensor', 'PIL']) {
    const peer = theirs.get(`${size} ${path}`) as number[];
    console.log(`${size} px, torchvision ${path}: ${median(peer).toFixed(0)} views/s; ours ${ratio(rates, peer)}`);
  }
}
for (const setting of settings) await showShares(setting, images.get(setting.size) as ImageSample[]);
