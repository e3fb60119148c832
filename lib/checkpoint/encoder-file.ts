/** Files of weights that say which encoder they are of, in the metadata of their header. */
import { classifierName } from '../encoders/all.ts';
import { CheckpointError } from '../errors.ts';
import { parseJson } from '../files/read.ts';
import type { RawTensor } from '../files/safetensors.ts';
import { isObject } from '../files/strict-json.ts';
import { withTensorFile } from '../files/tensor-file.ts';
import type { ModuleConfig } from '../nn/module.ts';

/**
 * The encoder of a file that `module.save()` or `classifier.save()` wrote: its config, and its tensors as a checkpoint names them.
 * @throws {CheckpointError} a file that is damaged, or does not say which encoder it is of.
 */
export function readEncoderFile(
  file: string,
): Promise<{ readonly config: ModuleConfig; readonly model: ReadonlyMap<string, RawTensor> }> {
  return withTensorFile(file, async ({ tensors, metadata }) => {
    if (metadata.module === undefined)
      throw new CheckpointError(
        `${file}: does not say which encoder its weights are of; make one and load them: resnet18().load(file)`,
      );
    const config = parseJson(new TextEncoder().encode(metadata.module), `${file}: metadata.module`);
    if (!isObject(config) || typeof config.name !== 'string')
      throw new CheckpointError(`${file}: metadata.module must be { name, … }, got '${metadata.module.slice(0, 60)}'`);
    const model = new Map<string, RawTensor>();
    const head = `${classifierName(config as unknown as ModuleConfig)}.`;
    for (const [name, stored] of tensors) if (!name.startsWith(head)) model.set(`encoder.${name}`, await stored.read());
    return { config: config as unknown as ModuleConfig, model };
  });
}
