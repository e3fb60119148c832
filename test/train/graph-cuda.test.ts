/** Steps as graphs of the device: a training with them is the same as one without, to the bit. */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { checkOptimizer, makeOptimizer, type OptimizerSpec } from '../../lib/optim/optimizer.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { makeStep } from '../../lib/train/step.ts';
import { makeMethod, trainedParameters } from '../../lib/train/trained.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import {
  type DeviceLog,
  hasDevice,
  openDevice,
  openingTime,
  takeLog,
  device as there,
  title,
  waitsOfStreams,
} from '../device/device.ts';
import { buffersOf, firstBatch, optionsOf, parametersOf, valuesOf } from './one-step.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

interface Trained {
  readonly losses: readonly number[];
  /** All that the steps change. */
  readonly state: readonly number[][];
  /** Of the last step. */
  readonly log: DeviceLog | undefined;
  readonly races: readonly string[];
  readonly refused: readonly (string | undefined)[];
}

type Chosen = Partial<TrainerOptions> & { readonly method?: { readonly name: string } };

const launchesIn = ({ log }: Trained): number | undefined =>
  log && Object.values(log.launches).reduce((sum, count) => sum + count, 0);

/** Eight steps at falling rates, on views of their own. @param spoil before a step. */
async function trained(
  graph: boolean,
  chosen: Chosen,
  spec: OptimizerSpec,
  spoil: (step: number, images: Tensor) => void = () => {},
): Promise<Trained> {
  const models = tinyModels();
  const options = optionsOf({
    ...({ metrics: true, ...models, ...chosen, graph } as TrainerOptions),
    ...{ encoder: models.encoder.to(there), head: models.head.to(there), device: there, batchSize: 8 },
  });
  const method = makeMethod(options);
  const optimizer = makeOptimizer(spec, trainedParameters(options, method));
  using step = makeStep(options, optimizer, method);
  const results = [];
  const races: string[] = [];
  let log: DeviceLog | undefined;
  const batch = await firstBatch(tinyDataset(), options);
  takeLog();
  for (let i = 0; i < 8; i++) {
    noGrad(() => batch.images[0]?.mul_(0.98));
    spoil(i, batch.images[0] as Tensor);
    const context = { step: i, learningRate: checkOptimizer(spec).lr / (i + 1), progress: i / 8, decay: 0.9 };
    results.push(
      await step.run(batch, context).catch((error: Error) => ({ loss: Number.NaN, refused: error.message })),
    );
    log = takeLog();
    races.push(...(log?.races ?? []));
  }
  const state = [...parametersOf(options), ...buffersOf(options), ...optimizer.stateDict().values()];
  state.push(...method.stateDict().values());
  return {
    ...{ losses: results.map(({ loss }) => loss), state: await valuesOf(state), log, races },
    refused: results.map(({ refused }) => refused),
  };
}

const sgd = { name: 'sgd', lr: 0.05, momentum: 0.9 } as const;

describe.skipIf(!hasDevice)(title, () => {
  beforeAll(openDevice, openingTime);

  const method = (name: string, own: object = {}): Chosen => ({ method: { name, ...own } }) as Chosen;
  const cases: [string, Chosen, OptimizerSpec, boolean][] = [
    ['SimCLR', method('simclr'), sgd, true],
    ['AdamW', method('simclr'), { name: 'adamw', lr: 0.01, weightDecay: 0.1 }, true],
    ['LARS', method('simclr'), { name: 'lars', lr: 0.1 }, true],
    ['a clipped gradient', method('simclr'), { ...sgd, clipNorm: 0.1 }, true],
    ['MoCo, while its queue fills and after', method('moco', { queueSize: 16 }), sgd, true],
    ['BYOL', method('byol'), sgd, true],
    ['Barlow Twins', method('barlow-twins'), sgd, true],
    ['SupCon, which looks at labels', method('supcon'), sgd, false],
  ];
  it.each(cases)(
    '%s: the same losses, weights, statistics and state, and no step waits',
    async (_, chosen, spec, is) => {
      using warnings = vi.spyOn(process, 'emitWarning');
      const [plain, graph] = [await trained(false, chosen, spec), await trained(true, chosen, spec)];
      expect(warnings.mock.calls.filter(([, type]) => type === ('GraphWarning' as never))).toHaveLength(is ? 0 : 1);
      expect(graph.losses).toEqual(plain.losses);
      expect(graph.state).toEqual(plain.state);
      expect(graph.refused).toEqual(new Array(8).fill(undefined));
      expect(graph.races).toEqual([]);
      expect(waitsOfStreams(graph.log)).toEqual([]);
      const [launches, without] = [launchesIn(graph) ?? 0, launchesIn(plain) ?? 1];
      if (graph.log) expect(launches < without / 1.5).toBe(is);
    },
  );

  it('a step that is refused leaves all as it was, and so do those behind it', async () => {
    const spoil = (step: number, images: Tensor) => {
      if (step === 5) noGrad(() => images.narrow(0, 1, 1).fill_(Number.NaN));
    };
    const [plain, graph] = [
      await trained(false, method('simclr'), sgd, spoil),
      await trained(true, method('simclr'), sgd, spoil),
    ];
    expect(graph.refused.slice(4)).toEqual([
      undefined,
      'the loss is',
      ...new Array(2).fill(expect.stringContaining('stopped')),
    ]);
    expect(graph.refused).toEqual(plain.refused);
    expect(graph.losses.slice(0, 5)).toEqual(plain.losses.slice(0, 5));
    expect(graph.state).toEqual(plain.state);
    expect(graph.races).toEqual([]);
  });
});

describe('steps of which there are no graphs', () => {
  function hooked(): Partial<TrainerOptions> {
    const models = tinyModels();
    models.encoder.registerForwardHook(() => undefined);
    return models;
  }

  it.each<[string, Partial<TrainerOptions>, string]>([
    ['compile: false', { compile: false }, 'they are not compiled'],
    ['micro-batches', { microBatch: 4 }, 'their batches are made of micro-batches'],
    ['a forward hook', hooked(), 'they are not recorded, as with forward hooks'],
  ])('%s: one warning says why', async (_, chosen, reason) => {
    using warnings = vi.spyOn(process, 'emitWarning');
    const options = { ...tinyModels(), augment: tinyViews(), batchSize: 8, epochs: 1, device: 'cpu', graph: true };
    await new Trainer({ ...options, ...chosen }).fit(tinyDataset(16));
    const told = warnings.mock.calls.filter(([, type]) => type === ('GraphWarning' as never)).map(([text]) => text);
    expect(told).toEqual([`the steps of this training are not kept as graphs: ${reason}`]);
  });
});
