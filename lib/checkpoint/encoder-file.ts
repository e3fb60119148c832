/** Files of weights that say which encoder they are of, in the metadata of their header. */
import { CheckpointError } from '../errors.ts';
import type { ModuleConfig } from '../models/module.ts';
import { encoderNames } from '../models/registry.ts';
import { parseJson } from './files.ts';
import { type RawTensor, readRawSafetensors } from './safetensors.ts';
import { isObject } from './strict-json.ts';

/** Of the header: the marker of PyTorch's tensors, for which torchvision's loaders look, and what makes the encoder again. */
export const weightsMetadata = (config: ModuleConfig): Record<string, string> => ({
  format: 'pt',
  ...(encoderNames().includes(config.name) && { encoder: JSON.stringify(config) }),
});

/**
 * The encoder of a file that `module.save()` or `classifier.save()` wrote: its config, and its tensors as a checkpoint names them.
 * @throws {CheckpointError} a file that is damaged, or does not say which encoder it is of.
 */
export async function readEncoderFile(
  file: string,
): Promise<{ readonly config: ModuleConfig; readonly model: ReadonlyMap<string, RawTensor> }> {
  const { tensors, metadata } = await readRawSafetensors(file);
  if (metadata.encoder === undefined)
    throw new CheckpointError(
      `${file}: does not say which encoder its weights are of; make one and load them: resnet18().load(file, { ignore: ['fc.'] })`,
    );
  const config = parseJson(new TextEncoder().encode(metadata.encoder), `${file}: metadata.encoder`);
  if (!isObject(config) || typeof config.name !== 'string')
    throw new CheckpointError(`${file}: metadata.encoder must be { name, … }, got '${metadata.encoder.slice(0, 60)}'`);
  const ofEncoder = [...tensors].filter(([name]) => !name.startsWith('fc.')); // a classifier's head
  return {
    config: config as unknown as ModuleConfig,
    model: new Map(ofEncoder.map(([name, raw]) => [`encoder.${name}`, raw])),
  };
}
