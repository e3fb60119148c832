/**
 * What each method is trained with here: a few hundred steps on small images, to which large rates bring more than anything else.
 * Found by hand on images held back from the training images, with one seed; `npm run bench -- methods --tune` searches a grid around it
 * in the same way. The test images have no part in it.
 */
import type { JsonObject } from '../../lib/checkpoint/run-config.ts';
import { defaultsOfMethod } from '../../lib/cli/methods.ts';
import type { OptimizerSpec, ProjectionHeadOptions } from '../../lib/index.ts';

export interface Choice {
  /** Of SGD. */
  readonly lr: number;
  /** Of the method, over those that `defaultsOfMethod` brings for small images. */
  readonly options: JsonObject;
}

interface Settings {
  readonly chosen: Choice;
  /** What `--tune` tries with each learning rate. */
  readonly tried: readonly JsonObject[];
  /** Samples. Default 64. */
  readonly batchSize?: number;
  /** Over the head that `defaultsOfMethod` brings. */
  readonly head?: Partial<ProjectionHeadOptions>;
}

/** What `--tune` tries. */
const rates = [0.05, 0.1, 0.2, 0.4];

const temperatures = [{ temperature: 0.1 }, { temperature: 0.2 }] as const;

/** Part of a teacher that stays at a step: at first `from`, at the end all. */
const momentum = (from: number) => ({ from, to: 1, schedule: 'cosine' });

const momenta = [0.95, 0.99].map((from) => ({ momentum: momentum(from) }));

/** Both views are queries, as those of all other methods are compared both ways. */
const symmetric = (m: number, queueSize: number, temperature: number) => ({
  ...{ symmetric: true, momentum: m, queueSize },
  loss: { name: 'nt-xent', temperature },
});

const settings: Readonly<Record<string, Settings>> = {
  simclr: { chosen: { lr: 0.05, options: { temperature: 0.1 } }, tried: temperatures },
  supcon: { chosen: { lr: 0.1, options: { temperature: 0.1 } }, tried: temperatures },
  dcl: { chosen: { lr: 0.05, options: { temperature: 0.1 } }, tried: temperatures },
  moco: {
    chosen: { lr: 0.2, options: symmetric(0.99, 1024, 0.2) },
    tried: [0.9, 0.95, 0.99].flatMap((m) => [256, 1024].map((queueSize) => symmetric(m, queueSize, 0.2))),
  },
  'moco-v3': { chosen: { lr: 0.2, options: { momentum: momentum(0.99) } }, tried: momenta },
  byol: { batchSize: 32, chosen: { lr: 0.1, options: { momentum: momentum(0.99) } }, tried: momenta },
  simsiam: { batchSize: 32, chosen: { lr: 0.2, options: {} }, tried: [{}] },
  'barlow-twins': {
    batchSize: 32,
    head: { hiddenFeatures: 512, outFeatures: 128 }, // a small batch tells few correlations from noise
    chosen: { lr: 0.05, options: { lossScale: 0.01 } },
    tried: [0.0051, 0.02].map((redundancyWeight) => ({ lossScale: 0.01, redundancyWeight })),
  },
  vicreg: {
    chosen: { lr: 0.2, options: { covarianceWeight: 0.04 } },
    tried: [{ covarianceWeight: 0.04 }, { covarianceWeight: 0.2 }],
  },
  nnclr: { chosen: { lr: 0.05, options: { queueSize: 1024 } }, tried: [{ queueSize: 1024 }, { queueSize: 4096 }] },
  swav: {
    chosen: { lr: 0.1, options: { prototypes: 128, epsilon: 0.02 } }, // with softer assignments the loss stays at ln 128
    tried: [0.02, 0.03, 0.05].map((epsilon) => ({ prototypes: 128, epsilon })),
  },
  dino: {
    head: { batchNorm: 'hidden' },
    chosen: { lr: 0.2, options: { prototypes: 128, momentum: momentum(0.99) } },
    tried: momenta.map((option) => ({ prototypes: 128, ...option })),
  },
  'cross-entropy': {
    chosen: { lr: 0.2, options: {} },
    tried: [{ labelSmoothing: 0 }, { labelSmoothing: 0.1 }],
  },
};

/** @throws {Error} a method that the table above lacks. */
function settingsOf(method: string): Settings {
  const own = settings[method];
  if (own === undefined) throw new Error(`bench/methods/settings.ts has nothing for the method '${method}'`);
  return own;
}

export const chosenFor = (method: string): Choice => settingsOf(method).chosen;

/** Many small steps are worth more here than large batches. */
export const batchSizeFor = (method: string): number => settingsOf(method).batchSize ?? 64;

/** Each learning rate with each of the tried options. */
export const gridOf = (method: string): Choice[] =>
  settingsOf(method).tried.flatMap((options) => rates.map((lr) => ({ lr, options })));

export const headOptionsFor = (method: string): Partial<ProjectionHeadOptions> => ({
  ...defaultsOfMethod(method).head,
  ...settingsOf(method).head,
});

export const optimizerOf = ({ lr }: Choice): OptimizerSpec => ({ name: 'sgd', lr, momentum: 0.9, weightDecay: 1e-4 });
