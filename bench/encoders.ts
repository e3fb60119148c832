/**
 * Each encoder beside torchvision's in PyTorch (bench/peers/encoders_ref.py), pass by pass in turn, with two threads: a step of
 * training (forward, backward, SGD) in one job, and `compile(encoder, { inference: true })`, in float32.
 *
 * usage: npm run bench -- encoders [--help]
 */
import { encoderFacts } from '../lib/encoders/all.ts';
import { inferencePass } from '../lib/encoders/inference.ts';
import { type Encoder, encoderNames, makeEncoder, ops, setThreads, type Tensor, tidy } from '../lib/index.ts';
import { bareStep } from './parts/bare-step.ts';
import { benchOptions, countOf } from './parts/options.ts';
import { median, peerPython, ratio, root, startAnswering } from './peer.ts';

const values = benchOptions({
  encoder: { type: 'string', value: 'NAME', help: 'this one alone' },
  batch: countOf(8, 'images of a pass'),
  size: countOf(224, 'side of the images, in pixels'),
  passes: countOf(4, 'passes of a run'),
  compiled: { type: 'boolean', help: 'beside torch.compile, in place of PyTorch as it is' },
  cpu: { type: 'boolean', help: 'the CPU time of one thread, which holds on a machine with other work' },
});
const [batch, size, passes] = [values.batch, values.size, values.passes];
setThreads(values.cpu ? 1 : 2);

/** A peer that makes a pass for each line that it is given, and answers with its milliseconds. */
function startPeer(name: string) {
  const args = [`${root}/bench/peers/encoders_ref.py`, name, String(batch), String(size)];
  const flags = [...(values.compiled ? ['--compile'] : []), ...(values.cpu ? ['--cpu'] : [])];
  return startAnswering(peerPython(), [...args, ...flags]);
}

/** In milliseconds. */
const clock = (): number => {
  const { user, system } = process.cpuUsage();
  return values.cpu ? (user + system) / 1000 : performance.now();
};

async function time(pass: () => Tensor): Promise<number> {
  const began = clock();
  await tidy(() => pass().data());
  return clock() - began;
}

/** The passes of an encoder, by the names that the peer knows. */
function ours(encoder: Encoder, x: Tensor) {
  const step = bareStep((images) => encoder.forward(images), encoder.parameters());
  const infer = inferencePass(encoder);
  return {
    train: () => {
      encoder.train();
      return step(x);
    },
    infer: () => {
      encoder.eval();
      return infer(x);
    },
  };
}

for (const name of encoderNames()) {
  if (values.encoder !== undefined && values.encoder !== name) continue;
  const { options = {} } = encoderFacts(name);
  using encoder = makeEncoder({
    name,
    ...('stochasticDepth' in options && { stochasticDepth: 0 }),
    ...('size' in options && { size }),
  });
  const peer = startPeer(name);
  const x = ops.randn([batch, size, size, 3], { seed: 1 }).permute([0, 3, 1, 2]); // channels last in memory
  const own = ours(encoder, x);
  for (const mode of ['train', 'infer'] as const) {
    const figures = { ours: [] as number[], theirs: [] as number[] };
    for (let i = -2; i < passes; i++) {
      const [mine, theirs] = [await time(own[mode]), Number(await peer.ask(mode))];
      if (i < 0) continue; // warms up
      figures.ours.push(mine);
      figures.theirs.push(theirs);
    }
    console.log(
      `${name} ${mode}: ours ${median(figures.ours).toFixed(0)} ms | PyTorch ${median(figures.theirs).toFixed(0)} ms | ${ratio(figures.theirs, figures.ours)}`,
    );
  }
  peer.end();
}
