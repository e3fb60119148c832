/** The encoder of a run, made again from its config and its checkpoint. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Encoder, encoderNames, encoderShapes, makeEncoder } from '../encoders/all.ts';
import { CheckpointError } from '../errors.ts';
import { Module } from '../nn/module.ts';
import { deviceOption, instanceOf } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import type { Checkpoint } from './checkpoint-files.ts';
import { readEncoderFile } from './encoder-file.ts';
import { moduleOf } from './module-of.ts';
import { ProgramEncoder } from './program-encoder.ts';
import { openCheckpoint } from './run.ts';
import type { RunConfig } from './run-config.ts';

const declared = {
  /**
   * The folder of a run (its newest good checkpoint is taken), one of its checkpoint folders, or a file that `encoder.save()` or
   * `classifier.save()` wrote.
   */
  checkpoint: { type: 'string', required: true },
  /**
   * A module that gets the weights and is returned: of a run whose encoder is not registered, to train on. Default: one is made
   * by its name, or is the program that the run keeps, which has no parameters to train.
   */
  encoder: { type: 'checked', check: instanceOf<Encoder>(Module, 'a Module') },
  /** 'cpu' (default), 'cuda[:N]', 'mps', 'auto'. */
  device: deviceOption,
} as const satisfies OptionTable;

export interface LoadEncoderOptions extends OptionsOf<typeof declared> {}

/**
 * A trained encoder, in evaluation mode; the caller disposes it. For weights from elsewhere, which do not say what they are of,
 * there is `module.load(file)`.
 *
 * @throws {CheckpointError} a checkpoint that is missing, damaged or does not fit its config.
 * @throws {DeviceError} a device that is not there.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * using encoder = await loadEncoder({ checkpoint: 'runs/supcon' });
 * const features = await extractFeatures(encoder, dataset, { evaluation: presets.evaluation({ size: 28 }) });
 */
export async function loadEncoder(options: LoadEncoderOptions): Promise<Encoder> {
  const { checkpoint: path, encoder, device } = resolveOptions('loadEncoder', declared, options);
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isFile()) {
    const { config, model } = await readEncoderFile(path);
    return encoderOf({ encoder: config }, { model, folder: path }, device, encoder);
  }
  const { run, checkpoint } = await openCheckpoint(path, { optimizer: false });
  return encoderOf(run.config, checkpoint, device, encoder);
}

/**
 * As loadEncoder, of what was read. The shapes in the file are compared with those that the config asks for before anything
 * is made: a config from elsewhere must not decide how much memory that takes.
 * @throws {CheckpointError} it does not fit the config, or there is neither a name nor a program to make it of.
 */
export function encoderOf(
  config: Pick<RunConfig, 'encoder'> & Partial<Pick<RunConfig, 'input'>>,
  checkpoint: Pick<Checkpoint, 'model' | 'folder' | 'encoder'>,
  device: string,
  given?: Encoder,
): Encoder {
  const encoder = given
    ? moduleOf(checkpoint, 'encoder', { make: () => given, shapes: () => undefined })
    : made(config, checkpoint);
  try {
    return encoder.to(device);
  } catch (error) {
    encoder.dispose();
    throw error;
  }
}

/** A file's encoder is not: its class may have changed what it took from one that has a name. */
export const isMadeByName = ({ name, file }: RunConfig['encoder']): boolean =>
  file === undefined && encoderNames().includes(name);

function made(
  { encoder: config, input }: Parameters<typeof encoderOf>[0],
  checkpoint: Parameters<typeof encoderOf>[1],
): Encoder {
  const { encoder: program, model, folder } = checkpoint;
  if (isMadeByName(config))
    return moduleOf(checkpoint, 'encoder', {
      make: () => makeEncoder({ ...config }),
      shapes: () => encoderShapes(config),
    });
  if (program !== undefined && input !== undefined)
    return new ProgramEncoder(program, model, input, join(folder, 'encoder.json'));
  throw new CheckpointError(
    `${folder}: the encoder '${config.name}' is not registered, and the checkpoint holds no program of it; it opens only with its code`,
  );
}
