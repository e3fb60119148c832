/** Encoders by name, so that a run's config can make them again. An encoder's file registers it. */
import { OptionError } from '../errors.ts';
import { expectOneOf } from '../validate.ts';
import type { Module, ModuleConfig } from './module.ts';

export type EncoderFactory = (options: Readonly<Record<string, unknown>>) => Module;

const encoders = new Map<string, EncoderFactory>();

/**
 * Adds an encoder under a new name.
 * @throws {OptionError} a name that is taken.
 */
export function registerEncoder(name: string, make: EncoderFactory): void {
  if (encoders.has(name)) throw new OptionError(`an encoder named '${name}' is already registered`);
  encoders.set(name, make);
}

export const encoderNames = (): readonly string[] => [...encoders.keys()];

/**
 * An encoder from plain data: `{ name: 'resnet18', stem: 'cifar', width: 16 }`, as `encoder.config` holds it.
 * @throws {OptionError} an unknown name, with the nearest known one, or an unknown or wrong option.
 */
export function makeEncoder(config: ModuleConfig): Module {
  const { name, ...options } = config;
  return (encoders.get(expectOneOf('encoder', name, encoderNames())) as EncoderFactory)(options);
}
