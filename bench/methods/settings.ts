/**
 * What each method is trained with here: few epochs on small images. `npm run bench -- methods --tune` finds it on images held
 * back from the training images; the test images have no part in it.
 */
import type { JsonObject } from '../../lib/checkpoint/run-config.ts';
import type { OptimizerSpec } from '../../lib/index.ts';

export interface Choice {
  readonly lr: number;
  /** Of the method, over those that `defaultsOfMethod` brings for small images. */
  readonly options: JsonObject;
}

interface Settings {
  readonly optimizer: 'sgd' | 'adamw';
  readonly chosen: Choice;
  /** What `--tune` tries with each learning rate. */
  readonly tried: readonly JsonObject[];
}

/** The same for all methods: many small steps are worth more here than large batches. */
export const batchSize = 64;

/** What `--tune` tries. */
const rates = { sgd: [0.025, 0.05, 0.1, 0.2], adamw: [0.0005, 0.001, 0.002] } as const;

const temperatures = [{ temperature: 0.1 }, { temperature: 0.2 }] as const;

const settings: Readonly<Record<string, Settings>> = {
  simclr: { optimizer: 'sgd', chosen: { lr: 0.05, options: { temperature: 0.1 } }, tried: temperatures },
  supcon: { optimizer: 'sgd', chosen: { lr: 0.05, options: { temperature: 0.1 } }, tried: temperatures },
  dcl: { optimizer: 'sgd', chosen: { lr: 0.05, options: { temperature: 0.1 } }, tried: temperatures },
  moco: {
    optimizer: 'sgd',
    chosen: { lr: 0.05, options: { loss: { name: 'nt-xent', temperature: 0.1 } } },
    tried: temperatures.map((temperature) => ({ loss: { name: 'nt-xent', ...temperature } })),
  },
  'moco-v3': { optimizer: 'sgd', chosen: { lr: 0.05, options: { temperature: 0.2 } }, tried: temperatures },
  byol: {
    optimizer: 'sgd',
    chosen: { lr: 0.05, options: {} },
    tried: [0.95, 0.99].map((from) => ({ momentum: { from, to: 1, schedule: 'cosine' } })),
  },
  simsiam: { optimizer: 'sgd', chosen: { lr: 0.05, options: {} }, tried: [{}] },
  'barlow-twins': {
    optimizer: 'sgd',
    chosen: { lr: 0.05, options: { redundancyWeight: 0.0051 } },
    tried: [{ redundancyWeight: 0.0051 }, { redundancyWeight: 0.02 }],
  },
  vicreg: {
    optimizer: 'sgd',
    chosen: { lr: 0.05, options: { covarianceWeight: 0.04 } },
    tried: [{ covarianceWeight: 0.04 }, { covarianceWeight: 0.2 }],
  },
  nnclr: {
    optimizer: 'sgd',
    chosen: { lr: 0.05, options: { queueSize: 1024 } },
    tried: [{ queueSize: 1024 }, { queueSize: 4096 }],
  },
  swav: {
    optimizer: 'sgd',
    chosen: { lr: 0.05, options: { prototypes: 32 } },
    tried: [{ prototypes: 32 }, { prototypes: 128 }],
  },
  dino: {
    optimizer: 'adamw',
    chosen: { lr: 0.001, options: { teacherTemperature: 0.04 } },
    tried: [{ teacherTemperature: 0.04 }, { teacherTemperature: 0.07 }],
  },
  'cross-entropy': {
    optimizer: 'sgd',
    chosen: { lr: 0.05, options: {} },
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

/** Each learning rate with each of the tried options. */
export function gridOf(method: string): Choice[] {
  const { optimizer, tried } = settingsOf(method);
  return tried.flatMap((options) => rates[optimizer].map((lr) => ({ lr, options })));
}

export function optimizerOf(method: string, { lr }: Choice): OptimizerSpec {
  const { optimizer: name } = settingsOf(method);
  return name === 'sgd' ? { name, lr, momentum: 0.9, weightDecay: 1e-4 } : { name, lr, weightDecay: 0.01 };
}
