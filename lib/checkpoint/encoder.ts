/** The encoder of a run, made again from its config and its checkpoint. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Encoder, encoderNames, encoderShapes, makeEncoder } from '../encoders/all.ts';
import { checkOptions, expectString } from '../validate.ts';
import type { Checkpoint } from './checkpoint-files.ts';
import { readEncoderFile } from './encoder-file.ts';
import { moduleOf } from './module-of.ts';
import { ProgramEncoder } from './program-encoder.ts';
import { openCheckpoint } from './run.ts';
import type { RunConfig } from './run-config.ts';

export interface LoadEncoderOptions {
  /**
   * The folder of a run (its newest good checkpoint is taken), one of its checkpoint folders, or a file that `encoder.save()` or
   * `classifier.save()` wrote.
   */
  readonly checkpoint: string;
  /** 'cpu' (default), 'cuda[:N]', 'mps', 'auto'. */
  readonly device?: string;
}

/**
 * A trained encoder, in evaluation mode; the caller disposes it. For weights from elsewhere, which do not say what they are of,
 * there is `module.load(file)`.
 *
 * @throws {CheckpointError} a checkpoint that is missing, damaged or does not fit its config.
 * @throws {DeviceError} a device that is not there.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * using encoder = await loadEncoder({ checkpoint: 'runs/supcon' });
 * const features = await extractFeatures(encoder, dataset, { augment: presets.evaluation({ size: 28 }) });
 */
export async function loadEncoder(options: LoadEncoderOptions): Promise<Encoder> {
  checkOptions('loadEncoder', options, ['checkpoint', 'device']);
  const path = expectString('checkpoint', options?.checkpoint);
  const device = expectString('device', options.device ?? 'cpu');
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isFile()) {
    const { config, model } = await readEncoderFile(path);
    return encoderOf({ encoder: config }, { model, folder: path }, device);
  }
  const { run, checkpoint } = await openCheckpoint(path, { optimizer: false });
  return encoderOf(run.config, checkpoint, device);
}

/**
 * As loadEncoder, of what was read. The shapes in the file are compared with those that the config asks for before anything
 * is made: a config from elsewhere must not decide how much memory that takes. An encoder that is not registered here is made of
 * its program, where the checkpoint holds one.
 * @throws {CheckpointError} it does not fit the config.
 */
export function encoderOf(
  { encoder: config, input }: Pick<RunConfig, 'encoder'> & Partial<Pick<RunConfig, 'input'>>,
  checkpoint: Pick<Checkpoint, 'model' | 'folder' | 'encoder'>,
  device: string,
): Encoder {
  const { encoder: program, model, folder } = checkpoint;
  const isProgram = program !== undefined && input !== undefined && !encoderNames().includes(config.name);
  const encoder = isProgram
    ? new ProgramEncoder(program, model, input, join(folder, 'encoder.json'))
    : moduleOf(checkpoint, 'encoder', {
        make: () => makeEncoder({ ...config }),
        shapes: () => encoderShapes(config),
      });
  try {
    return encoder.to(device);
  } catch (error) {
    encoder.dispose();
    throw error;
  }
}
