/**
 * Memory over a thousand training steps, in windows of a hundred: the highest resident memory within each, by the kernel's
 * own record; V8's heap and the live tensors at its end. Goal: after the first window, none of these peaks is
 * more than 5 % over their median, and the last is not over the first.
 *
 * A step's activations come and go within milliseconds, and what they took goes back to the system: single samples of
 * resident memory tell where in a step they fell. Peaks of windows do not. Linux only.
 *
 * usage: npm run bench -- memory [--help]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { loadDataset, memory, moco, presets, projectionHead, resnet18, Trainer } from '../lib/index.ts';
import { countOption } from '../lib/options/kinds.ts';
import { benchOptions, countOf } from './parts/options.ts';
import { median } from './peer.ts';

const values = benchOptions({
  steps: countOf(1000, 'steps of the training'),
  micro: { ...countOption, value: 'N', help: 'images of a micro-batch; default no micro-batches' },
  queue: { ...countOption, value: 'N', help: 'keys of a queue; default none' },
});
const steps = values.steps;
const window = 100;
const batchSize = 64;
const dataset = await loadDataset('fashion-mnist', { subset: 'bundled', split: 'train' });
const encoder = resnet18({ stem: 'cifar', width: 4, inChannels: 1, seed: 0 });
const trainer = new Trainer({
  encoder,
  head: projectionHead({ inFeatures: encoder.featureDim, seed: 0 }),
  augment: presets.supcon({ size: 28, mean: 0.286, std: 0.353 }),
  batchSize,
  ...(values.micro !== undefined && { microBatch: values.micro }),
  ...(values.queue !== undefined && { method: moco({ queueSize: values.queue, loss: { name: 'supcon' } }) }),
  epochs: Math.ceil(steps / Math.floor(dataset.length / batchSize)),
});

/** MB: the highest resident memory since the last call. */
function takePeak(): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  writeFileSync('/proc/self/clear_refs', '5'); // starts the record anew
  return Number(kilobytes) / 1024;
}

const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
const peaks: number[] = [];
for await (const event of trainer.events(dataset)) {
  if (event.kind !== 'step' || event.step % window !== 0) continue;
  peaks.push(takePeak());
  const { tensors, bytes } = memory();
  const { heapUsed } = process.memoryUsage();
  console.log(
    `steps to ${event.step}: ${peaks.at(-1)?.toFixed(0)} MB at most; V8 heap ${megabytes(heapUsed)} MB, ${tensors} tensors of ${megabytes(bytes)} MB`,
  );
  if (event.step >= steps) break;
}
const settled = peaks.slice(1);
const middle = median(settled);
const against = (base: number, value: number): string => `${((value / base - 1) * 100).toFixed(1)} %`;
console.log(
  `peaks after ${window} steps: median ${middle.toFixed(0)} MB, highest ${against(middle, Math.max(...settled))}, lowest ${against(middle, Math.min(...settled))}; last against first ${against(settled[0] as number, settled.at(-1) as number)}`,
);
