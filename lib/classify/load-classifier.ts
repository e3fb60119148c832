/** A classifier from the folder of a run that fineTune wrote. */
import { presets } from '../augment/presets.ts';
import { classifierOf } from '../checkpoint/classifier.ts';
import { encoderOf } from '../checkpoint/encoder.ts';
import { presetInput } from '../checkpoint/preset-input.ts';
import { openCheckpoint } from '../checkpoint/run.ts';
import type { Module } from '../nn/module.ts';
import { deviceOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { Classifier } from './classifier.ts';

const declared = {
  /** The folder of a run (its newest good checkpoint is taken) or one of its checkpoint folders. */
  checkpoint: { type: 'string', required: true },
  /** 'cpu' (default), 'cuda[:N]', 'mps', 'auto'. */
  device: deviceOption,
} as const satisfies OptionTable;

export interface LoadClassifierOptions extends OptionsOf<typeof declared> {}

/**
 * Loads what `fineTune` wrote with `out`, to judge it on data sets and to save it. Images are scaled and normalised as
 * `presets.evaluation` does for the run's input. For images that come one by one, there is `createClassifier`.
 *
 * @throws {CheckpointError} a checkpoint that is missing, damaged, or of a run that trained no classifier.
 * @throws {DeviceError} a device that is not there.
 * @throws {OptionError} an unknown or wrong option.
 */
export async function loadClassifier(options: LoadClassifierOptions): Promise<Classifier> {
  const { checkpoint: path, device } = resolveOptions('loadClassifier', declared, options);
  const { run, checkpoint } = await openCheckpoint(path, { optimizer: false });
  const { config } = run;
  const { head, classes } = classifierOf(run, checkpoint);
  const parts: Module[] = [head];
  try {
    const encoder = encoderOf(config, checkpoint, device);
    parts.push(encoder);
    const evaluation = presets.evaluation(presetInput(config.input));
    return new Classifier({ encoder, head: head.to(device), evaluation, classes });
  } catch (error) {
    for (const part of parts) part.dispose();
    throw error;
  }
}
