/** Whatever a public function is given: it takes it, or refuses it with an error of ours, which has a code. */
import { expect, it } from 'vitest';
import * as contrastive from '../lib/index.ts';

const { ContrastiveError, functional, nn, presets, tensor } = contrastive;

/** They reach out of the process, change it for others, or register for good. */
const reaching = ['doctor', 'downloadFashionMnist', 'manualSeed', 'setAugmentThreads', 'setThreads', 'sync'];
const registering = ['defineLoss', 'defineMethod', 'registerEncoder'];
/** Made by other functions of the package, or by the code of a method. */
const made = ['Embedder', 'FeatureIndex', 'FeatureMethod', 'KeyQueue', 'Method', 'Teacher', 'Tensor', 'rampAt'];
/** Networks check their options alike, and take seconds to be made in vain; `resnet18` stands for them. */
const networks = /^(resnet(?!18)|resnext|wideResnet|vit|convnext|efficientnet|mobilenet)/;

const kinds = [undefined, null, -1, 1.5, Number.NaN, '', 'x', true, Symbol('s'), 10n, [], [1], {}, { a: 1 }];
const values = [...kinds, () => 1, new Float32Array(2), new Map()];

it('no public function answers junk with an error that is not ours', async () => {
  using some = tensor([1, 2]);
  const foreign: string[] = [];
  const note = (name: string, error: unknown): void => {
    if (!(error instanceof ContrastiveError)) foreign.push(`${name}: ${error}`);
  };
  for (const group of [contrastive, functional, presets, nn])
    for (const [name, value] of Object.entries(group)) {
      const isLeftOut = [...reaching, ...registering, ...made].includes(name) || networks.test(name);
      if (isLeftOut || typeof value !== 'function' || name.endsWith('Error')) continue;
      const isClass = /^class\b/.test(Function.prototype.toString.call(value));
      const call = (args: unknown[]): unknown =>
        isClass ? Reflect.construct(value, args) : Reflect.apply(value, undefined, args);
      for (const first of [...values, some])
        for (const second of [undefined, null, 5, {}, { x: 1 }])
          try {
            const result = await call([first, second]);
            (result as Partial<Disposable> | null | undefined)?.[Symbol.dispose]?.();
          } catch (error) {
            note(name, error);
          }
    }
  expect([...new Set(foreign)]).toEqual([]);
});
