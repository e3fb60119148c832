/**
 * What one small operation costs, beside PyTorch's `y.add(1)` on 16 numbers (bench/peers/operation_ref.py), in turn: eager,
 * replayed one by one, and inside a longer recording, as many calls on both sides; and what recording a ResNet-50 costs.
 *
 * usage: npm run bench -- operation [--runs 3]
 */
import { parseArgs } from 'node:util';
import { compile, ops, resnet50, sync, type Tensor } from '../lib/index.ts';
import { median, ratio, runPeer } from './peer.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '3' } } });
const calls = 200_000; // as bench/peers/operation_ref.py
const length = 100;

const x = ops.randn([16]);
const one = compile((y: Tensor) => y.add(1));
const row = compile((y: Tensor) => {
  let z = y;
  for (let i = 0; i < length; i++) z = z.add(1);
  return z;
});

/** Microseconds a call, from the first call to the last result. */
async function cost(call: () => Tensor, count: number): Promise<number> {
  for (let i = 0; i < Math.min(count, 1000); i++) call().dispose();
  await sync();
  const began = performance.now();
  for (let i = 0; i < count; i++) call().dispose();
  await sync();
  return ((performance.now() - began) * 1000) / count;
}

const figures = { eager: [] as number[], replayed: [] as number[], inside: [] as number[], peer: [] as number[] };
for (let run = 0; run < Number(values.runs); run++) {
  figures.eager.push(await cost(() => x.add(1), calls));
  figures.replayed.push(await cost(() => one(x), calls));
  figures.inside.push((await cost(() => row(x), calls / length)) / length);
  figures.peer.push(Number(runPeer('operation_ref.py', [])));
}
const shown = (name: keyof typeof figures): string => `${median(figures[name]).toFixed(1)} µs`;
console.log(`PyTorch ${shown('peer')}`);
for (const name of ['eager', 'replayed', 'inside'] as const)
  console.log(`${name} ${shown(name)}, ${ratio(figures[name], figures.peer)} of PyTorch's`);

const encoder = resnet50().eval();
const images = ops.randn([1, 3, 224, 224]);
const times: number[] = [];
for (let i = 0; i < 5; i++) {
  const compiled = compile((y: Tensor) => encoder.forward(y));
  await sync();
  const began = performance.now();
  compiled(images);
  times.push(performance.now() - began);
  await sync();
  compiled.dispose();
}
console.log(`recording a ResNet-50: ${median(times).toFixed(1)} ms`);
