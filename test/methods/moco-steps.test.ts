/** Steps of momentum contrast against PyTorch, number by number (test/fixtures/make_moco.py). */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import type { ContrastiveLossSpec } from '../../lib/losses/all.ts';
import { supConLoss } from '../../lib/losses/sup-con.ts';
import type { CustomLoss } from '../../lib/methods/custom-loss.ts';
import { moco } from '../../lib/methods/moco.ts';
import type { Module } from '../../lib/nn/module.ts';
import { SGD } from '../../lib/optim/sgd.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { makeStep } from '../../lib/train/step.ts';
import { makeMethod } from '../../lib/train/trained.ts';
import { uniform } from '../encoders/formula.ts';
import { optionsOf } from '../train/one-step.ts';

interface Case {
  readonly loss: 'nt-xent' | 'supcon';
  readonly symmetric: boolean;
  readonly losses: readonly number[];
  /** The first numbers of each tensor after the last step. */
  readonly query: Readonly<Record<string, readonly number[]>>;
  readonly key: Readonly<Record<string, readonly number[]>>;
  readonly queue: {
    readonly features: readonly (readonly number[])[];
    readonly labels: readonly number[];
    readonly ids: readonly number[];
  };
}

const stored = JSON.parse(readFileSync(new URL('../fixtures/train/moco.json', import.meta.url), 'utf8')) as {
  width: number;
  size: number;
  batch: number;
  dim: number;
  queueSize: number;
  temperature: number;
  momentum: number;
  parameters: string[];
  cases: Case[];
};
const { width, size, batch, dim, queueSize, temperature, momentum: m } = stored;

type Models = Readonly<Record<'encoder' | 'head', Module>>;

function filledModels(): Models {
  const encoder = resnet18({ stem: 'cifar', width, inChannels: 1 });
  const head = projectionHead({ inFeatures: encoder.featureDim, outFeatures: dim });
  const named = { ...prefixed('encoder', encoder.namedParameters()), ...prefixed('head', head.namedParameters()) };
  for (const [i, name] of stored.parameters.entries()) {
    const target = named[name] as Tensor;
    const { shape } = target;
    const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
    const scale = shape.length > 1 ? Math.sqrt(3 / inputs) : name.endsWith('weight') ? 0.2 : 0.1;
    const offset = shape.length === 1 && name.endsWith('weight') ? 1 : 0;
    target.detach().copy_(tensor(uniform(i + 1, shape, scale, offset), { shape }));
  }
  return { encoder, head };
}

const prefixed = (prefix: string, tensors: ReadonlyMap<string, Tensor>): Record<string, Tensor> =>
  Object.fromEntries([...tensors].map(([name, value]) => [`${prefix}.${name}`, value]));

const numbers = (value: Tensor): number[] => Array.from(value.dataSync(), Number);

function expectNear(value: readonly number[], expected: readonly number[], tolerance: number, what: string): void {
  const farthest = Math.max(...expected.map((number, i) => Math.abs(number - (value[i] as number))));
  expect(farthest, what).toBeLessThan(tolerance);
}

/** All steps of a case, and the losses. */
async function train(
  { loss: kind, symmetric, losses: { length } }: Case,
  models: Models,
  loss: ContrastiveLossSpec | CustomLoss,
) {
  const options = optionsOf({
    ...models,
    batchSize: batch,
    method: moco({ momentum: m, queueSize, symmetric, loss }),
  });
  const method = makeMethod(options);
  const parameters = [...models.encoder.parameters(), ...models.head.parameters()];
  const optimizer = new SGD(parameters, { lr: 0.05, momentum: 0.9, weightDecay: 1e-3 });
  const step = makeStep(options, optimizer, method);
  const losses: number[] = [];
  for (let n = 0; n < length; n++) {
    const shape = [2 * batch, 1, size, size];
    const ids = Array.from({ length: batch }, (_, i) => (kind === 'nt-xent' ? n * batch + i : (n * 4 + i) % 11));
    const run = step.run(
      {
        images: [tensor(uniform((symmetric ? 2000 : 1000) + n, shape), { shape })],
        viewOrder: [0, 1],
        labels: Int32Array.from(ids, (id) => id % 4),
        ids: BigInt64Array.from(ids, BigInt),
      },
      { step: 0, learningRate: 0.05, progress: 0 },
    );
    losses.push((await run).loss);
  }
  return { method, losses };
}

const inTypeScript: CustomLoss = (features, { labels, ids, bank }) =>
  supConLoss(features, {
    anchors: 'queries',
    labels: labels as Tensor,
    temperature,
    ids: ids as Tensor,
    ...(bank && { bank }),
  });

test.each<[string, Case['loss'], boolean, ContrastiveLossSpec | CustomLoss]>([
  ['nt-xent: algorithm 1 of the paper', 'nt-xent', false, { name: 'nt-xent', temperature }],
  ['supcon, with old keys of the same samples', 'supcon', false, { name: 'supcon', temperature }],
  ['supcon called from TypeScript', 'supcon', false, inTypeScript],
  ['supcon, both views as queries', 'supcon', true, { name: 'supcon', temperature }],
  ['the same called from TypeScript', 'supcon', true, inTypeScript],
])('%s', async (_, kind, symmetric, loss) => {
  const expected = stored.cases.find((each) => each.loss === kind && each.symmetric === symmetric) as Case;
  const models = filledModels();
  const { method, losses } = await train(expected, models, loss);
  expectNear(losses, expected.losses, 2e-5, 'losses');

  const query = { ...prefixed('encoder', models.encoder.stateDict()), ...prefixed('head', models.head.stateDict()) };
  const kept = Object.fromEntries(method.stateDict());

  for (const [state, values] of [
    [query, expected.query],
    [kept, expected.key],
  ] as const)
    for (const [name, few] of Object.entries(values))
      expectNear(numbers((state[name] ?? state[`teacher.${name}`]) as Tensor), few, 2e-5, name);

  expectNear(numbers(kept['queue.features'] as Tensor), expected.queue.features.flat(), 2e-5, 'queue');
  expect(numbers(kept['queue.ids'] as Tensor)).toEqual(expected.queue.ids);
  if (kind === 'supcon') expect(numbers(kept['queue.labels'] as Tensor)).toEqual(expected.queue.labels);
  else expect(new Set(numbers(kept['queue.labels'] as Tensor))).toEqual(new Set([-1])); // this loss has none
  expect(numbers(kept['queue.pushed'] as Tensor)).toEqual([5 * batch * (symmetric ? 2 : 1)]);
});
