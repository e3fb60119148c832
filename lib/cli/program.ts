/** The frame around the commands: finds the command, parses, runs, turns errors into messages and exit codes. */

import { existsSync } from 'node:fs';
import { types } from 'node:util';
import { isOneOfSeveral, speaksForAll } from '../distributed/environment.ts';
import { ContrastiveError, messageOf, OptionError } from '../errors.ts';
import { packageVersion } from '../native/addon-path.ts';
import { nearest } from '../validate.ts';
import type { Command, CommandLoaders } from './command.ts';
import { commandHelp, programHelp } from './help.ts';
import { checkRequired, globalOptions, type ParsedArguments, parseOptions } from './options.ts';
import { Output, type OutputStreams } from './output.ts';

export const exitCodes = { ok: 0, failure: 1, usage: 2, interrupted: 130, unread: 141, terminated: 143 } as const;

export interface ProgramContext {
  readonly commands: CommandLoaders;
  readonly signal: AbortSignal;
  readonly streams?: OutputStreams;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

async function loadCommand(name: string, commands: CommandLoaders): Promise<Command> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load !== undefined) return (await load()).command;
  const near = nearest(name, Object.keys(commands));
  const known = near === undefined ? `known: ${Object.keys(commands).join(', ')}` : `did you mean '${near}'?`;
  const hint = existsSync(name) ? `to train on it: contrastive train ${name}` : known;
  throw new OptionError(`unknown command '${name}'; ${hint}`);
}

async function runCommand(argv: readonly string[], output: Output, context: ProgramContext): Promise<void> {
  const { commands, signal, env } = context;
  // Global flags may stand before the command's name.
  const at = argv.findIndex((word) => !word.startsWith('-'));
  const before = at === -1 ? argv : argv.slice(0, at);
  if (before.includes('--version') || before.includes('-V')) {
    output.print(packageVersion());
    return output.emit({ version: packageVersion() });
  }
  const topLevel = parseOptions(before, globalOptions, { where: 'contrastive' });
  const words = argv.slice(before.length);
  const asksHelp = words[0] === 'help';
  const name = asksHelp ? words[1] : words[0];
  if (name === undefined) {
    if (!asksHelp && !topLevel.options.help)
      throw new OptionError('a command is needed; `contrastive --help` lists them');
    const loaded = await Promise.all(Object.keys(commands).map((known) => loadCommand(known, commands)));
    return printHelp(programHelp(loaded, output.columns), output);
  }

  const command = await loadCommand(name, commands);
  const rest = words.slice(asksHelp ? 2 : 1);
  if (asksHelp || topLevel.options.help || asksForHelp(rest))
    return printHelp(commandHelp(command, (await command.derived?.(rest)) ?? {}, output.columns), output);
  if (!command.takesSeveral && isOneOfSeveral(env))
    throw new OptionError(
      `contrastive ${command.name} is of one process, and RANK and WORLD_SIZE say that this is one of ${env?.WORLD_SIZE}: start it without torchrun, or unset them`,
    );
  await command.run({ ...(await parseArguments(command, rest)), signal, output, commands });
}

function printHelp(help: string, output: Output): void {
  output.print(help);
  output.emit({ help });
}

const asksForHelp = (argv: readonly string[]): boolean => argv.includes('--help') || argv.includes('-h');

/**
 * What was typed behind a command's name. Loads nothing native.
 * @throws {OptionError} wrong usage, unless help is asked for.
 */
export async function parseArguments(command: Command, argv: readonly string[]): Promise<ParsedArguments> {
  const { name, places, maxPositionals } = command;
  const where = `contrastive ${name}`;
  const table = { ...command.options, ...(await command.derived?.(argv)), ...globalOptions };
  const parsed = parseOptions(argv, table, { where, places, maxPositionals });
  if (!asksForHelp(argv)) checkRequired({ where, places }, table, parsed.options);
  return parsed;
}

function codeOf(error: unknown): string {
  if (error instanceof ContrastiveError) return error.code;
  return (error as Error | null)?.name === 'AbortError' ? 'ERR_ABORTED' : 'ERR_INTERNAL';
}

/** By the reason of the signal. A shell gives 128 + its number for a process that a signal ended. */
const stopCodes: ReadonlyMap<unknown, number> = new Map([
  ['SIGTERM', exitCodes.terminated],
  ['SIGPIPE', exitCodes.unread],
]);

/** What an error means to the shell. */
function exitCodeOf(error: unknown, signal: AbortSignal): number {
  if (error instanceof OptionError) return exitCodes.usage;
  if (codeOf(error) === 'ERR_ABORTED') return stopCodes.get(signal.reason) ?? exitCodes.interrupted;
  return exitCodes.failure;
}

const nowhere = { write: () => {} };

/** Runs the program and returns its exit code; never throws. Of several processes rank 0 prints, the others their errors only. */
export async function runProgram(argv: readonly string[], context: ProgramContext): Promise<number> {
  const { streams = process, signal, env = process.env } = context;
  const speaks = speaksForAll(env);
  const output = new Output(argv.includes('--json'), speaks ? streams : { stdout: nowhere, stderr: nowhere });
  try {
    await runCommand(argv, output, { ...context, env });
    return exitCodes.ok;
  } catch (error) {
    const message = messageOf(error);
    const code = codeOf(error);
    output.emit({ error: { code, message } });
    const stack = env.CONTRASTIVE_DEBUG && types.isNativeError(error) ? `\n${error.stack}` : '';
    // Who stopped it knows that it is no error.
    const isStopped = code === 'ERR_ABORTED';
    const text = `${isStopped ? message : `error: ${message} [${code}]`}${stack}`;
    if (speaks) output.fail(text);
    else if (!isStopped) new Output(false, streams).fail(`rank ${env.RANK}: ${text}`);
    return exitCodeOf(error, signal);
  }
}
