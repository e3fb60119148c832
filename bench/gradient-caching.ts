/**
 * The memory and speed of a large batch with cached gradients beside a small batch without: batch 4096 in micro-batches
 * of 256 against batch 256, the demo's encoder (ResNet-18 of width 16, CIFAR stem, bfloat16) on 28×28 gray images, each in
 * a process of its own. Prints the highest resident memory of each, their ratio (goal: below 1.5), and samples/s.
 *
 * usage: npm run bench -- gradient-caching [--help]
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadDataset, presets, projectionHead, resnet18, Trainer } from '../lib/index.ts';
import { benchOptions, countOf } from './parts/options.ts';

const values = benchOptions({
  batch: countOf(4096, 'images of a step'),
  micro: countOf(256, 'images of a micro-batch'),
  steps: countOf(2, 'steps of a run'),
  child: { type: 'boolean', help: 'of a child process' },
});
const batchSize = values.batch;
const microBatch = values.micro;
const steps = values.steps;

interface Figures {
  /** MB */
  readonly peak: number;
  readonly samplesPerSecond: number;
}

/** The kernel's own record of this process: VmHWM, in kB. */
const peakMemory = (): number =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;

async function train(): Promise<Figures> {
  const dataset = await loadDataset('fashion-mnist', { subset: 'bundled', split: 'train' });
  const encoder = resnet18({ stem: 'cifar', width: 16, inChannels: 1, seed: 0 });
  const trainer = new Trainer({
    encoder,
    head: projectionHead({ inFeatures: encoder.featureDim, seed: 0 }),
    augment: presets.supcon({ size: 28, mean: 0.286, std: 0.353 }),
    precision: 'auto',
    batchSize,
    microBatch,
    epochs: steps + 1,
  });
  let began = 0;
  for await (const event of trainer.events(dataset)) {
    if (event.kind !== 'step') continue;
    if (event.step === 1) began = performance.now(); // the first step warms up
    if (event.step === steps + 1) break;
  }
  return { peak: peakMemory(), samplesPerSecond: (steps * batchSize * 1000) / (performance.now() - began) };
}

function inChild(batch: number, micro: number, count: number): Figures {
  const args = ['--child', '--batch', String(batch), '--micro', String(micro), '--steps', String(count)];
  const file = fileURLToPath(import.meta.url);
  const text = execFileSync(process.execPath, ['--import', 'tsx', file, ...args], { encoding: 'utf8' });
  return JSON.parse(text) as Figures;
}

if (values.child) {
  console.log(JSON.stringify(await train()));
} else {
  const small = inChild(microBatch, microBatch, Math.ceil((steps * batchSize) / microBatch));
  const large = inChild(batchSize, microBatch, steps);
  const show = ({ peak, samplesPerSecond }: Figures): string =>
    `${peak.toFixed(0)} MB at most, ${samplesPerSecond.toFixed(0)} samples/s`;
  console.log(`batch ${microBatch}: ${show(small)}`);
  console.log(`batch ${batchSize} in micro-batches of ${microBatch}: ${show(large)}`);
  console.log(
    `memory ${(large.peak / small.peak).toFixed(2)}x, speed ${(large.samplesPerSecond / small.samplesPerSecond).toFixed(2)}x`,
  );
}
