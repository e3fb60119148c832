/** Encoders by name, so that a run's config can make them again. An encoder's file registers it. */
import { OptionError } from '../errors.ts';
import type { Module, ModuleConfig } from '../nn/module.ts';
import type { OptionTable } from '../options/option.ts';
import { describe, expectOneOf, isPlainObject } from '../validate.ts';

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

export interface EncoderFacts {
  /** Declares the options that `make` takes. */
  readonly options?: OptionTable;
  /** The options that go with square images of `size` pixels, where its defaults are for others. */
  readonly forImages?: (size: number) => Readonly<Record<string, number | string>>;
  /** With it, weights from a file are compared before anything is made. */
  readonly shapes?: EncoderShapes;
  /** What torchvision calls the linear classifier behind it. Default 'fc'. */
  readonly classifier?: string;
}

interface Registered extends EncoderFacts {
  readonly make: EncoderFactory;
}

const encoders = new Map<string, Registered>();

/**
 * Adds an encoder under a new name. `make` checks its options.
 * @throws {OptionError} a name that is taken.
 */
export function registerEncoder(name: string, make: EncoderFactory, facts: EncoderFacts = {}): void {
  if (encoders.has(name)) throw new OptionError(`an encoder named '${name}' is already registered`);
  encoders.set(name, { ...facts, make });
}

export const encoderNames = (): readonly string[] => [...encoders.keys()];

/** What `registerEncoder` was told of an encoder; nothing of an unknown one. */
export const encoderFacts = (name: string): EncoderFacts => encoders.get(name) ?? {};

/** Under which name a file of weights has the linear classifier of an encoder: torchvision's. */
export const classifierName = (config: ModuleConfig | undefined): string =>
  encoderFacts(config?.name ?? '').classifier ?? 'fc';

/**
 * An encoder from plain data: `{ name: 'resnet18', stem: 'cifar', width: 16 }`, as `encoder.config` holds it.
 * @throws {OptionError} an unknown name, with the nearest known one, or an unknown or wrong option.
 */
export function makeEncoder(config: ModuleConfig): Encoder {
  if (!isPlainObject(config)) throw new OptionError(`encoder must be { name, … }, got ${describe(config)}`);
  const { name, ...options } = config;
  return registered(name).make(options);
}

/** Undefined where the encoder was registered without. @throws {OptionError} as makeEncoder. */
export function encoderShapes(config: ModuleConfig): Shapes | undefined {
  const { name, ...options } = config;
  return registered(name).shapes?.(options);
}

const registered = (name: string) => encoders.get(expectOneOf('encoder', name, encoderNames())) as Registered;
