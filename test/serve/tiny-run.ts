/** A run's folder with an untrained encoder, for tests of what reads one. */
import { join } from 'node:path';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import type { RunConfig } from '../../lib/checkpoint/run-config.ts';
import { linearHead } from '../../lib/encoders/linear-head.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { rawState } from '../../lib/tensor/raw-tensors.ts';

export interface TinyRunOptions {
  readonly channels?: 1 | 3;
  readonly size?: number;
  readonly seed?: number;
  /** With a classifier of these classes, whose weights are drawn. */
  readonly classes?: string[];
}

/** Writes DIR/run with one checkpoint (step 7) of a ResNet-18 of width 4; returns the run's path. */
export async function writeTinyRun(folder: string, options: TinyRunOptions = {}): Promise<string> {
  const { channels = 3, size = 16, seed = 5, classes } = options;
  using encoder = resnet18({ stem: 'cifar', width: 4, inChannels: channels, seed });
  using head = linearHead({ inFeatures: encoder.featureDim, outFeatures: classes?.length ?? 1, init: 'uniform', seed });
  const config: RunConfig = {
    format: 1,
    encoder: { name: 'resnet18', stem: 'cifar', width: 4, inChannels: channels, zeroInitResidual: false },
    head: classes === undefined ? null : { ...head.config },
    method: { name: classes === undefined ? 'supcon' : 'cross-entropy' },
    ...(classes && { classes }),
    augment: [],
    input: { size, channels, mean: new Array(channels).fill(0.4), std: new Array(channels).fill(0.3) },
    optimizer: { name: 'sgd' },
    schedule: { name: 'cosine' },
    batchSize: 4,
    epochs: 1,
    seed: 0,
    precision: 'float32',
    data: { name: 'folder', path: null, limit: null },
  };
  const path = join(folder, 'run');
  const run = await RunFolder.create(path, config);
  const ofEncoder = await rawState(encoder.stateDict(), 'encoder.');
  const ofHead = classes === undefined ? [] : await rawState(head.stateDict(), 'head.');
  const model = new Map([...ofEncoder, ...ofHead]);
  await run.saveCheckpoint({ model, state: { step: 7, epoch: 1 } });
  return path;
}
