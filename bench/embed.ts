/**
 * Features of ResNet-18 and -50 at 224 px, beside ONNX Runtime (bench/peers/embed_ref.py) on the same exported model, in
 * turn, with two threads: `compile(encoder, { inference: true })` in float32, and in bfloat16 where the CPU has it.
 *
 * usage: npm run bench -- embed [--help]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { autocast, compile, exportOnnx, ops, resnet18, resnet50, setThreads, type Tensor, tidy } from '../lib/index.ts';
import { loadAddon } from '../lib/native/addon.ts';
import { benchOptions, countOf } from './parts/options.ts';
import { median, ratio, runPeer } from './peer.ts';

const values = benchOptions({ runs: countOf(3, 'runs of each side') });
setThreads(2);
const folder = mkdtempSync(join(tmpdir(), 'contrastive-bench-'));

/** The median of some passes, in ms. */
async function time(forward: (x: Tensor) => Tensor, x: Tensor): Promise<number> {
  const passes = (x.shape[0] as number) === 1 ? 30 : 6;
  const times: number[] = [];
  for (let i = 0; i < passes + 2; i++) {
    const began = performance.now();
    await tidy(() => forward(x).data());
    if (i >= 2) times.push(performance.now() - began);
  }
  return median(times);
}

async function cosine(a: Tensor, b: Tensor): Promise<number> {
  const similarity = await ops.cosineSimilarity(a.to('float32'), b.to('float32'), 1).data();
  return Math.min(...(similarity as Float32Array));
}

try {
  for (const make of [resnet18, resnet50]) {
    using encoder = make({ seed: 0 });
    encoder.eval();
    const model = join(folder, `${make.name}.onnx`);
    await exportOnnx(encoder, model);
    const forward = (x: Tensor) => encoder.forward(x);
    using full = compile(forward, { inference: true });
    using half = compile((x: Tensor) => autocast('bfloat16', () => forward(x)), { inference: true });
    for (const batch of [1, 16]) {
      const x = ops.randn([batch, 3, 224, 224], { seed: batch });
      const figures = { ours: [] as number[], theirs: [] as number[], half: [] as number[] };
      for (let run = 0; run < values.runs; run++) {
        figures.ours.push(await time(full, x));
        if (loadAddon().info().bfloat16) figures.half.push(await time(half, x));
        figures.theirs.push(Number(runPeer('embed_ref.py', [model, String(batch)])));
      }
      const [ours, theirs] = [median(figures.ours), median(figures.theirs)];
      console.log(
        `${make.name} batch ${batch}: ours ${ours.toFixed(1)} ms | ONNX Runtime ${theirs.toFixed(1)} ms | ${ratio(figures.theirs, figures.ours)}`,
      );
      if (figures.half.length > 0)
        console.log(
          `  bfloat16 ${median(figures.half).toFixed(1)} ms, ${ratio(figures.theirs, figures.half)}, cosine to float32 at least ${(await cosine(half(x), full(x))).toFixed(5)}`,
        );
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
