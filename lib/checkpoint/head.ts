/** The head of a run, made again from its config and its checkpoint. */

import { type LinearHeadOptions, linearHead } from '../encoders/linear-head.ts';
import { type ProjectionHeadOptions, projectionHead } from '../encoders/projection-head.ts';
import type { Encoder, Shapes } from '../encoders/registry.ts';
import { CheckpointError } from '../errors.ts';
import type { Checkpoint } from './checkpoint-files.ts';
import { moduleOf } from './module-of.ts';
import type { JsonObject } from './run-config.ts';

/** The matrices that decide its memory. */
function shapesOf(config: JsonObject): Shapes {
  const { name, kind = 'mlp', inFeatures, hiddenFeatures = inFeatures, outFeatures = 128 } = config;
  const matrix = (rows: unknown, columns: unknown) => [Number(rows), Number(columns)];
  if (name === 'linear') return new Map([['weight', matrix(outFeatures, inFeatures)]]);
  if (kind === 'linear') return new Map([['0.weight', matrix(outFeatures, inFeatures)]]);
  return new Map([
    ['0.weight', matrix(hiddenFeatures, inFeatures)],
    [kind === 'mlp' ? '2.weight' : '6.weight', matrix(outFeatures, hiddenFeatures)],
  ]);
}

function make({ name, ...options }: JsonObject): Encoder {
  if (name === 'projection-head') return projectionHead(options as unknown as ProjectionHeadOptions);
  return linearHead(options as unknown as LinearHeadOptions);
}

/** In evaluation mode, on the CPU. @throws {CheckpointError} a head that is code of the training's own, or does not fit. */
export function headOf(config: JsonObject, checkpoint: Checkpoint): Encoder {
  if (config.name !== 'projection-head' && config.name !== 'linear')
    throw new CheckpointError(
      `${checkpoint.folder}: the head is code of the training's own, which a run does not hold`,
    );
  return moduleOf(checkpoint, 'head', { make: () => make(config), shapes: () => shapesOf(config) });
}
