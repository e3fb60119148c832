/**
 * Resident memory over a thousand training steps: after the first hundred, it must stay flat.
 *
 * usage: npm run bench -- memory [--steps 1000]
 */
import { parseArgs } from 'node:util';
import { loadDataset, presets, projectionHead, resnet18, Trainer } from '../lib/index.ts';

const { values } = parseArgs({ options: { steps: { type: 'string', default: '1000' } } });
const steps = Number(values.steps);
const batchSize = 64;
const dataset = await loadDataset('fashion-mnist', { subset: 'bundled', split: 'train' });
const encoder = resnet18({ stem: 'cifar', width: 4, inChannels: 1, seed: 0 });
const trainer = new Trainer({
  encoder,
  head: projectionHead({ inFeatures: encoder.featureDim, seed: 0 }),
  augment: presets.supcon({ size: 28, mean: 0.286, std: 0.353 }),
  batchSize,
  epochs: Math.ceil(steps / Math.floor(dataset.length / batchSize)),
});

const megabytes = (): number => process.memoryUsage().rss / 2 ** 20;
let settled = 0;
let highest = 0;
for await (const event of trainer.events(dataset)) {
  if (event.kind !== 'step') continue;
  if (event.step === 100) settled = megabytes();
  if (event.step > 100) highest = Math.max(highest, megabytes());
  if (event.step % 100 === 0) console.log(`step ${event.step}: ${megabytes().toFixed(0)} MB`);
  if (event.step === steps) break;
}
console.log(
  `after 100 steps ${settled.toFixed(0)} MB, highest since ${highest.toFixed(0)} MB: ${((highest / settled - 1) * 100).toFixed(1)} %`,
);
