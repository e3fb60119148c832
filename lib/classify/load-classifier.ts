/** A classifier from the folder of a run that fineTune wrote. */
import { presets } from '../augment/presets.ts';
import { openCheckpoint } from '../checkpoint/run.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import { tensorState } from '../checkpoint/tensors.ts';
import { CheckpointError, messageOf } from '../errors.ts';
import { type LinearHeadOptions, linearHead } from '../models/linear-head.ts';
import type { Module } from '../models/module.ts';
import { loadEncoder } from '../serve/feature-model.ts';
import { tidy } from '../tensor/modes.ts';
import { checkOptions, expectString } from '../validate.ts';
import { Classifier } from './classifier.ts';

export interface LoadClassifierOptions {
  /** The folder of a run (its newest good checkpoint is taken) or one of its checkpoint folders. */
  readonly checkpoint: string;
  /** 'cpu' (default), 'cuda[:N]', 'mps', 'auto'. */
  readonly device?: string;
}

/**
 * Loads what `fineTune` wrote with `out`. Images are scaled and normalised as `presets.evaluation` does for the run's input.
 *
 * @throws {CheckpointError} a checkpoint that is missing, damaged, or of a run that trained no classifier.
 * @throws {DeviceError} a device that is not there.
 * @throws {OptionError} an unknown or wrong option.
 */
export async function loadClassifier(options: LoadClassifierOptions): Promise<Classifier> {
  checkOptions('loadClassifier', options, ['checkpoint', 'device']);
  const path = expectString('checkpoint', options?.checkpoint);
  const device = expectString('device', options.device ?? 'cpu');
  const { run, checkpoint } = await openCheckpoint(path, { optimizer: false });
  const { config } = run;
  const { size, mean, std, channels } = config.input;
  if (config.head?.name !== 'linear' || config.loss.name !== 'cross-entropy')
    throw new CheckpointError(
      `${run.path}: holds no classifier (its loss is ${JSON.stringify(config.loss.name)}); fineTune makes one of its encoder`,
    );
  const parts: Module[] = [];
  try {
    const encoder = loadEncoder(config.encoder, checkpoint, device);
    parts.push(encoder);
    const head = makeHead(config, checkpoint.folder);
    parts.push(head);
    loadHead(head, tensorState(checkpoint.model, 'head.'), checkpoint.folder);
    const evaluation = presets.evaluation({ size, mean, std, ...((channels === 1 || channels === 3) && { channels }) });
    return new Classifier({
      encoder,
      head: head.eval().to(device),
      evaluation,
      ...(config.classes && { classes: config.classes }),
    });
  } catch (error) {
    for (const part of parts) part.dispose();
    throw error;
  }
}

function makeHead({ head }: RunConfig, folder: string): Module {
  const { name: _, ...options } = head ?? {};
  try {
    return linearHead(options as unknown as LinearHeadOptions);
  } catch (error) {
    throw new CheckpointError(`${folder}: ${messageOf(error)}`, { cause: error });
  }
}

function loadHead(head: Module, state: ReturnType<typeof tensorState>, folder: string): void {
  try {
    tidy(() => void head.loadStateDict(state));
  } catch (error) {
    throw new CheckpointError(`${folder}: head: ${messageOf(error)}`, { cause: error });
  } finally {
    for (const value of state.values()) value.dispose();
  }
}
