/** `--encoder NAME|FILE`: an encoder of the package, or one that a file of the user's makes. */
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMadeByName } from '../checkpoint/encoder.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import { type Encoder, encoderNames, makeEncoder } from '../encoders/all.ts';
import { expectFeatures } from '../encoders/features.ts';
import { messageOf, OptionError, ShapeError } from '../errors.ts';
import { Module } from '../nn/module.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import { zeros } from '../tensor/ops.ts';
import { manualSeed } from '../tensor/random.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { clip, describe, nearest } from '../validate.ts';

/** What the default export of an encoder's file takes. */
interface EncoderFileOptions {
  /** Channels of the images: 3, as gray ones are replicated. */
  readonly inChannels: number;
}

export const encoderHelp = `--encoder FILE trains a network of your own: a path with a slash or with the ending of JavaScript or TypeScript. The file's default export is a class that extends nn.Module, or a function that returns such a module; it is called with { inChannels }, and gives features (batch, featureDim). --seed seeds its initial weights.`;

/** The absolute path where `text` is that of a file, and no name. */
export const encoderFile = (text: string): string | undefined =>
  /[\\/]|\.[cm]?[jt]s$/.test(text) ? resolve(text) : undefined;

/** The encoder's part of a config, of an option's value. */
export function encoderConfig(text: string): RunConfig['encoder'] {
  const file = encoderFile(text);
  return file === undefined ? { name: text } : { name: basename(file), file };
}

/**
 * The encoder of a config, new: by its name, or by the code in its file.
 * @param input what it must take. @param seed of the initial weights, where the config has none.
 * @throws {OptionError} a name that nobody knows; a file that is missing, cannot be run or makes no encoder.
 * @throws {ShapeError} features of another shape than (batch, featureDim).
 */
export async function newEncoder(
  config: RunConfig['encoder'],
  input: Pick<RunConfig['input'], 'channels' | 'size'>,
  seed: number,
): Promise<Encoder> {
  await expectEncoder(config);
  const { file } = config;
  if (typeof file !== 'string') return makeEncoder(config);
  const make = await defaultExport(file);
  manualSeed(seed);
  let made: unknown;
  try {
    made = await make({ inChannels: input.channels });
  } catch (error) {
    throw new OptionError(`${file}: the encoder cannot be made: ${messageOf(error)}`, { cause: error });
  }
  const encoder = checkModule(made, file);
  try {
    checkFeatures(encoder, input, file);
    return encoder;
  } catch (error) {
    encoder.dispose();
    throw error;
  }
}

/** What can be said before anything is loaded. @throws {OptionError} a name that nobody knows; a file that is missing. */
export async function expectEncoder({ name, file }: RunConfig['encoder']): Promise<void> {
  if (typeof file === 'string') await expectFile(file, '; it makes the encoder');
  else if (!encoderNames().includes(name)) throw new OptionError(unknownName(name));
}

function unknownName(name: string): string {
  const near = nearest(name, encoderNames());
  const hint = near === undefined ? '--encoder FILE names the file that makes another' : `did you mean '${near}'?`;
  return `encoder '${clip(name)}' is none of this package (${encoderNames().join(', ')}); ${hint}`;
}

/**
 * What makes the encoder of a run, where a module is wanted in place of the run's program: a file that was typed, or the file
 * that the run names, where the encoder is trained on and has no name here.
 * @throws {OptionError} `typed` is no file.
 */
export function codeOfRun(
  typed: string | undefined,
  encoder: RunConfig['encoder'],
  isTrained: boolean,
): RunConfig['encoder'] | undefined {
  if (typed === undefined) return isTrained && !isMadeByName(encoder) ? encoder : undefined;
  const file = encoderFile(typed);
  if (file === undefined) throw new OptionError(`--encoder must be a file, got '${typed}'`);
  return { name: encoder.name, file };
}

type Make = (options: EncoderFileOptions) => unknown;

/** @throws {OptionError} it is missing; `purpose` ends the message. */
export async function expectFile(file: string, purpose = ''): Promise<void> {
  const stats = await stat(file).catch(() => undefined);
  if (!stats?.isFile()) throw new OptionError(`${file}: there is no such file${purpose}`);
}

/** @throws {OptionError} a file that is missing or cannot be run. */
export async function importFile(file: string): Promise<{ readonly default?: unknown }> {
  await expectFile(file);
  try {
    return (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
  } catch (error) {
    throw new OptionError(`${file}: ${importFailure(error, file)}`, { cause: error });
  }
}

async function defaultExport(file: string): Promise<Make> {
  const { default: exported } = await importFile(file);
  if (typeof exported !== 'function')
    throw new OptionError(
      `${file}: the default export must be a class that extends nn.Module or a function that returns such a module, got ${describe(exported)}`,
    );
  const Class = exported as new (options: EncoderFileOptions) => unknown;
  return isClass(exported) ? (options) => new Class(options) : (exported as Make);
}

/** A class cannot be called without `new`, and a function of another kind need not bear it. */
const isClass = (value: object): boolean =>
  'prototype' in value && Object.getOwnPropertyDescriptor(value, 'prototype')?.writable === false;

/** Why a file could not be imported, and what to do where Node does not run TypeScript by itself. */
function importFailure(error: unknown, file: string): string {
  if ((error as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION' && file.endsWith('ts'))
    return `Node ${process.version} does not run TypeScript; take Node 22.18 or newer, or install tsx and set NODE_OPTIONS='--import tsx', or compile the file to JavaScript`;
  return `cannot be imported: ${clip(messageOf(error).replaceAll(/\s+/g, ' '), 300)}`;
}

function checkModule(made: unknown, file: string): Encoder {
  if (!(made instanceof Module)) {
    const isOfAnotherCopy = typeof (made as Partial<Module> | null | undefined)?.namedParameters === 'function';
    const hint = isOfAnotherCopy
      ? '; its nn.Module is that of another copy of contrastive: the file must be an ES module (.mjs, .mts, or "type": "module" in its package.json) that finds the installation whose command this is'
      : '';
    throw new OptionError(`${file}: must make a module that extends nn.Module, got ${describe(made)}${hint}`);
  }
  const { featureDim } = made as Partial<Encoder>;
  if (!(Number.isSafeInteger(featureDim) && (featureDim as number) >= 1))
    throw new OptionError(
      `${file}: the module must have featureDim, the length of its features, an integer >= 1; got ${describe(featureDim)}`,
    );
  if (made.parameters().length === 0)
    throw new OptionError(`${file}: the module has no parameters to train: they are fields, or fields of its parts`);
  return made as Encoder;
}

/** Runs two images through the module in evaluation mode; shapes are known at once, and nothing is read. */
function checkFeatures(
  encoder: Encoder,
  { channels, size }: Pick<RunConfig['input'], 'channels' | 'size'>,
  file: string,
): void {
  const images = [2, channels, size, size];
  const forward = (): Tensor => {
    try {
      return encoder.eval().forward(zeros(images));
    } catch (error) {
      throw new ShapeError(`${file}: forward of images [${images}] fails: ${messageOf(error)}`, { cause: error });
    } finally {
      encoder.train();
    }
  };
  noGrad(() => tidy(() => void expectFeatures(encoder, forward(), 2, file)));
}
