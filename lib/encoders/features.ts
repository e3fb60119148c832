/** What an encoder gives: a row of features an image. */
import { ShapeError } from '../errors.ts';
import type { Module } from '../nn/module.ts';
import { Tensor } from '../tensor/tensor.ts';
import { describe } from '../validate.ts';
import type { Encoder } from './registry.ts';

/**
 * What came out of an encoder's forward pass, where these are features.
 * @param name of the encoder, for the message.
 * @throws {ShapeError} no tensor, or another shape than (images, featureDim); of an encoder that has no such field, than two dimensions.
 */
export function expectFeatures(
  encoder: Module,
  features: Tensor,
  images: number,
  name = `the encoder ${encoder.config?.name ?? encoder.constructor.name}`,
): Tensor {
  const { featureDim } = encoder as Partial<Encoder>;
  const shape = features instanceof Tensor ? features.shape : [];
  if (shape.length === 2 && shape[0] === images && (featureDim === undefined || shape[1] === featureDim))
    return features;
  const got = features instanceof Tensor ? `[${shape.join(', ')}]` : describe(features);
  const hint = shape.length > 2 ? '; is a pooling missing?' : '';
  throw new ShapeError(
    `${name}: forward must give features of shape (batch, featureDim) = [${images}, ${featureDim ?? 'any'}], got ${got}${hint}`,
  );
}
