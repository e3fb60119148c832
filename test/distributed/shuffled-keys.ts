/** A process that makes the keys of its part of a batch, and prints those of all; alone it prints what shuffled parts of the batch make. */
import { destroyProcessGroup, initProcessGroup, rank, worldSize } from '../../lib/distributed/group.ts';
import { Ranks } from '../../lib/distributed/ranks.ts';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { type Moco, moco } from '../../lib/methods/moco.ts';
import { Views } from '../../lib/methods/views.ts';
import { compile } from '../../lib/tensor/compile.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { randomOrder, withKeysOf } from '../../lib/tensor/random.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { makeMethod } from '../../lib/train/trained.ts';
import { optionsOf } from '../train/one-step.ts';
import { size, tinyModels } from '../train/tiny.ts';

/** Samples of a process. */
const own = 4;
const statistics = ['batch', 'average'] as const;

const numbersOf = async (value: Tensor): Promise<number[]> => Array.from((await value.data()) as Float32Array);

/** Of all processes, in the order of the batch: view by view (2 · samples, 1, size, size). */
const imagesOf = (samples: number): Tensor =>
  ops.randn([2 * samples, 1, size, size], { seed: 5 }).contiguous({ memoryFormat: 'channels_last' });

function methodOf(of: (typeof statistics)[number], ranks?: Ranks): Moco {
  const { encoder } = tinyModels();
  const head = projectionHead({ inFeatures: encoder.featureDim, outFeatures: 8, batchNorm: 'hidden', seed: 2 });
  const options = optionsOf({ encoder, head, method: moco({ statistics: of, queueSize: 32 }) });
  return makeMethod({ ...options, ...(ranks && { ranks }) }) as Moco;
}

/** The keys of two steps, by a step that is recorded as a training's is. */
async function keysTogether(of: (typeof statistics)[number], syncBatchNorm: boolean): Promise<number[][]> {
  const ranks = new Ranks({ gather: true, syncBatchNorm });
  const all = imagesOf(own * worldSize());
  const part = (view: number): Tensor => all.narrow(0, (view * worldSize() + rank()) * own, own);
  const images = ops.cat([part(0), part(1)]);
  const ids = tensor(BigInt64Array.from({ length: own * worldSize() }, (_, i) => BigInt(i)));
  const numbers = { momentum: tensor(0.99, { dtype: 'float64' }) };
  const method = methodOf(of, ranks);
  const step = compile(
    () => method.loss({ views: new Views([images], [0, 1]), labels: undefined, ids, numbers }).keys,
    { key: () => 'one' },
  );
  return [await numbersOf(withKeysOf([3, 0, 0], step)), await numbersOf(withKeysOf([3, 1, 0], step))];
}

/** The same, part by part: of the samples at these places of an order that is drawn for each step. */
async function keysByParts(parts: number): Promise<Record<'shuffled' | 'plain', number[][]>> {
  const { teacher } = methodOf('batch');
  const samples = own * parts;
  const images = imagesOf(samples).narrow(0, samples, samples); // view 1
  const keysOf = async (order: readonly number[]): Promise<number[]> => {
    const keys: number[][] = [];
    for (let part = 0; part < parts; part++) {
      const places = order.slice(part * own, (part + 1) * own);
      const rows = noGrad(() => ops.cat(places.map((place) => images.narrow(0, place, 1))));
      const made = await numbersOf(teacher.forward(rows.contiguous({ memoryFormat: 'channels_last' })));
      for (const [i, place] of places.entries()) keys[place] = made.slice(i * 8, (i + 1) * 8);
    }
    return keys.flat();
  };
  const drawn = (step: number): number[] =>
    Array.from(withKeysOf([3, step, 0], () => randomOrder(samples)).dataSync() as BigInt64Array, Number);
  const inOrder = Array.from({ length: samples }, (_, i) => i);
  return { shuffled: [await keysOf(drawn(0)), await keysOf(drawn(1))], plain: [await keysOf(inOrder)] };
}

const { parts } = JSON.parse(process.argv[2] as string) as { readonly parts?: number };
if (parts !== undefined) console.log(JSON.stringify(await keysByParts(parts)));
else {
  await initProcessGroup({ timeout: 30 });
  const results = {
    shuffled: await keysTogether('batch', false),
    whole: await keysTogether('batch', true),
    average: await keysTogether('average', false),
  };
  await destroyProcessGroup();
  console.log(JSON.stringify(results));
}
