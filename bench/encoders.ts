/**
 * Each encoder beside torchvision's in PyTorch (bench/peers/encoders_ref.py), pass by pass in turn, with two threads: a step of
 * training (forward, backward, SGD) in one job, and `compile(encoder, { inference: true })`, in float32.
 *
 * usage: npm run bench -- encoders [--encoder NAME] [--batch 8] [--size 224] [--passes 4] [--compiled] [--cpu]
 *        --compiled: beside torch.compile, in place of PyTorch as it is
 *        --cpu: the CPU time of one thread, which holds on a machine with other work
 */
import { parseArgs } from 'node:util';
import { encoderFacts } from '../lib/encoders/all.ts';
import { inferencePass } from '../lib/encoders/inference.ts';
import { type Encoder, encoderNames, makeEncoder, ops, setThreads, type Tensor, tidy } from '../lib/index.ts';
import { bareStep } from './parts/bare-step.ts';
import { median, peerPython, ratio, root, startAnswering } from './peer.ts';

const { values } = parseArgs({
  options: {
    encoder: { type: 'string' },
    batch: { type: 'string', default: '8' },
    size: { type: 'string', default: '224' },
    passes: { type: 'string', default: '4' },
    compiled: { type: 'boolean', default: false },
    cpu: { type: 'boolean', default: false },
  },
});
const [batch, size, passes] = [Number(values.batch), Number(values.size), Number(values.passes)];
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
