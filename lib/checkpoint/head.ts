/** The head of a run, made again from its config and its checkpoint. */

import { type LinearHeadOptions, linearHead } from '../encoders/linear-head.ts';
import { type ProjectionHeadOptions, projectionHead, projectionHeadShapes } from '../encoders/projection-head.ts';
import type { Encoder, Shapes } from '../encoders/registry.ts';
import { CheckpointError } from '../errors.ts';
import type { Checkpoint } from './checkpoint-files.ts';
import { moduleOf } from './module-of.ts';
import type { JsonObject } from './run-config.ts';

/** The matrices that decide its memory. */
function shapesOf({ name, ...options }: JsonObject): Shapes {
  if (name === 'projection-head') return projectionHeadShapes(options as unknown as ProjectionHeadOptions);
  return new Map([['weight', [Number(options.outFeatures), Number(options.inFeatures)]]]);
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
