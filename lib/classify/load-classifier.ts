/** A classifier from the folder of a run that fineTune wrote. */
import { presets } from '../augment/presets.ts';
import { classifierOf } from '../checkpoint/classifier.ts';
import { encoderOf } from '../checkpoint/encoder.ts';
import { openCheckpoint } from '../checkpoint/run.ts';
import type { Module } from '../nn/module.ts';
import { checkOptions, expectString } from '../validate.ts';
import { Classifier } from './classifier.ts';

export interface LoadClassifierOptions {
  /** The folder of a run (its newest good checkpoint is taken) or one of its checkpoint folders. */
  readonly checkpoint: string;
  /** 'cpu' (default), 'cuda[:N]', 'mps', 'auto'. */
  readonly device?: string;
}

/**
 * Loads what `fineTune` wrote with `out`, to judge it on data sets and to save it. Images are scaled and normalised as
 * `presets.evaluation` does for the run's input. For images that come one by one, there is `createClassifier`.
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
  const { head, classes } = classifierOf(run, checkpoint);
  const parts: Module[] = [head];
  try {
    const encoder = encoderOf(config, checkpoint, device);
    parts.push(encoder);
    const evaluation = presets.evaluation({ size, mean, std, ...((channels === 1 || channels === 3) && { channels }) });
    return new Classifier({ encoder, head: head.to(device), evaluation, classes });
  } catch (error) {
    for (const part of parts) part.dispose();
    throw error;
  }
}
