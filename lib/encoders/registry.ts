/** Encoders by name, so that a run's config can make them again. An encoder's file registers it. */
import { OptionError } from '../errors.ts';
import type { Module, ModuleConfig } from '../nn/module.ts';
import { expectOneOf } from '../validate.ts';

/** A module (batch, …) → (batch, featureDim). */
export interface Encoder extends Module {
  /** Length of the vectors that forward() returns. */
  readonly featureDim: number;
}

export type EncoderFactory = (options: Readonly<Record<string, unknown>>) => Encoder;

/** Shapes of a module's tensors by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** The shapes that an encoder with these options would have, without the memory of one. */
export type EncoderShapes = (options: Readonly<Record<string, unknown>>) => Shapes;

const encoders = new Map<string, { readonly make: EncoderFactory; readonly shapes: EncoderShapes | undefined }>();

/**
 * Adds an encoder under a new name. `make` checks its options.
 * @param shapes with it, weights from a file are compared before anything is made.
 * @throws {OptionError} a name that is taken.
 */
export function registerEncoder(name: string, make: EncoderFactory, shapes?: EncoderShapes): void {
  if (encoders.has(name)) throw new OptionError(`an encoder named '${name}' is already registered`);
  encoders.set(name, { make, shapes });
}

export const encoderNames = (): readonly string[] => [...encoders.keys()];

/**
 * An encoder from plain data: `{ name: 'resnet18', stem: 'cifar', width: 16 }`, as `encoder.config` holds it.
 * @throws {OptionError} an unknown name, with the nearest known one, or an unknown or wrong option.
 */
export function makeEncoder(config: ModuleConfig): Encoder {
  const { name, ...options } = config;
  return registered(name).make(options);
}

/** Undefined where the encoder was registered without. @throws {OptionError} as makeEncoder. */
export function encoderShapes(config: ModuleConfig): Shapes | undefined {
  const { name, ...options } = config;
  return registered(name).shapes?.(options);
}

const registered = (name: string) =>
  encoders.get(expectOneOf('encoder', name, encoderNames())) as NonNullable<ReturnType<typeof encoders.get>>;
