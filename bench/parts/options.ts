/** The options of a benchmark, declared as those of a command are. */

import { basename } from 'node:path';
import type { OptionTable, OptionValues } from '../../lib/cli/command.ts';
import { optionLines } from '../../lib/cli/help.ts';
import { parseOptions } from '../../lib/cli/options.ts';
import { OptionError } from '../../lib/errors.ts';
import { countOption } from '../../lib/options/kinds.ts';

/** A whole number above 0. */
export const countOf = <const N extends number>(usual: N, help: string) =>
  ({ ...countOption, value: 'N', default: usual, help }) as const;

/** A time above 0, in seconds. */
export const secondsOf = <const N extends number>(usual: N, help: string) =>
  ({ type: 'number', value: 'SECONDS', above: 0, default: usual, help: `seconds ${help}` }) as const;

/** What a child process of a benchmark is given. */
export const forChild = { type: 'string', value: 'TEXT', help: 'what a child process is to measure' } as const;

const help = { type: 'boolean', short: 'h', help: 'show this help' } as const;

/**
 * What was typed, with defaults filled in. `--help` shows the options and ends the process, as does a wrong one, with a line that
 * says what is wrong.
 */
export function benchOptions<const O extends OptionTable>(declared: O): OptionValues<O> {
  const name = basename(process.argv[1] as string, '.ts');
  const table = { ...declared, help };
  try {
    const { options } = parseOptions(process.argv.slice(2), table, { where: `npm run bench -- ${name}` });
    if (!options.help) return options as OptionValues<O>;
    console.log([`usage: npm run bench -- ${name} [options]`, ...optionLines(table, 100)].join('\n'));
    process.exit(0);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    console.error(`error: ${error.message}`);
    process.exit(2);
  }
}
