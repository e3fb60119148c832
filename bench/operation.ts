/**
 * What one small operation costs, beside PyTorch's `y.add(1)` on 16 numbers (bench/peers/operation_ref.py), in turn: eager,
 * replayed one by one, and inside a longer recording; and what recording a ResNet-50 costs.
 *
 * usage: npm run bench -- operation [--help]
 */
import { compile, ops, resnet50, sync, type Tensor } from '../lib/index.ts';
import { benchOptions, countOf } from './parts/options.ts';
import { median, ratio, runPeer } from './peer.ts';

const values = benchOptions({ runs: countOf(5, 'runs of each side') });
const calls = 5000;
const length = 100;

const x = ops.randn([16]);
const one = compile((y: Tensor) => y.add(1));
const row = compile((y: Tensor) => {
  let z = y;
  for (let i = 0; i < length; i++) z = z.add(1);
  return z;
});

/** Microseconds a call, from the first call to the last result. @param loop makes so many; in it, as in the peer, is nothing else. */
async function cost(loop: (count: number) => void, count: number): Promise<number> {
  for (let i = 0; i < 3; i++) {
    loop(count); // until its code is compiled
    await sync();
  }
  const began = performance.now();
  loop(count);
  await sync();
  return ((performance.now() - began) * 1000) / count;
}

const eager = (count: number): void => {
  for (let i = 0; i < count; i++) x.add(1).dispose();
};
const replayed = (count: number): void => {
  for (let i = 0; i < count; i++) one(x).dispose();
};
const rows = (count: number): void => {
  for (let i = 0; i < count; i++) row(x).dispose();
};

const figures = { eager: [] as number[], replayed: [] as number[], inside: [] as number[], peer: [] as number[] };
for (let run = 0; run < values.runs; run++) {
  figures.eager.push(await cost(eager, calls));
  figures.replayed.push(await cost(replayed, calls));
  figures.inside.push((await cost(rows, calls / 10)) / length);
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
