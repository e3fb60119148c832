/** The texts of `--help`. */
import type { Command, OptionSpec, OptionTable } from './command.ts';
import { formatTable, wrap } from './format.ts';
import { flagOf, globalOptions } from './options.ts';

const width = 100;

function flagColumn(name: string, spec: OptionSpec): string {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
  return `${short}--${flagOf(name)}${spec.type === 'boolean' ? '' : ` ${spec.value}`}`;
}

function explanation(spec: OptionSpec): string {
  const notes: string[] = [];
  if (spec.type === 'string' && spec.choices !== undefined) notes.push(`one of ${spec.choices.join(', ')}`);
  if (spec.type !== 'boolean' && spec.required) notes.push('required');
  if (spec.type !== 'boolean' && spec.default !== undefined) notes.push(`default ${spec.default}`);
  return notes.length === 0 ? spec.help : `${spec.help} (${notes.join('; ')})`;
}

function optionLines(table: OptionTable): string[] {
  const rows = Object.entries(table).map(([name, spec]) => [flagColumn(name, spec), explanation(spec)] as const);
  const left = Math.min(36, Math.max(...rows.map(([flag]) => flag.length)));
  return rows.flatMap(([flag, text]) => {
    const lines = wrap(text, width - left - 4);
    const first = flag.length > left ? [`  ${flag}`] : [`  ${flag.padEnd(left)}  ${lines.shift()}`];
    return [...first, ...lines.map((line) => `${' '.repeat(left + 4)}${line}`)];
  });
}

/** The help of one command: usage, what it does, options with defaults and units, examples. */
export function commandHelp(command: Command, derived: OptionTable = {}): string {
  const positionals = command.positionals === undefined ? '' : ` ${command.positionals}`;
  const required = Object.entries(command.options)
    .map(([name, spec]) => (spec.type !== 'boolean' && spec.required ? ` --${flagOf(name)} ${spec.value}` : ''))
    .join('');
  return [
    `Usage: contrastive ${command.name}${positionals}${required} [options]`,
    '',
    ...wrap(command.help.trim(), width),
    '',
    'Options:',
    ...optionLines({ ...command.options, ...derived, ...globalOptions }),
    '',
    'Examples:',
    ...command.examples.flatMap(({ run, explains }) => [...wrap(`# ${explains}`, width - 2), run]).map((l) => `  ${l}`),
  ].join('\n');
}

/** The help of the whole program. */
export function programHelp(commands: readonly Command[]): string {
  return [
    'Usage: contrastive COMMAND [options]',
    '',
    'Contrastive representation learning on images (SimCLR, SupCon): trains an encoder, judges its features with',
    'kNN and a linear probe, and embeds images with it.',
    '',
    'Commands:',
    formatTable(commands.map(({ name, summary }) => [`  ${name}`, summary])),
    '',
    'Options:',
    ...optionLines({ ...globalOptions, version: { type: 'boolean', short: 'V', help: 'print the version' } }),
    '',
    'Examples:',
    '  # Is everything in place? What to do about what is not.',
    '  contrastive doctor',
    '  # Train on the bundled images for a few minutes and write a report to look at.',
    '  contrastive demo',
    '  # All options of a command, with defaults and units.',
    '  contrastive train --help',
    '',
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (Ctrl-C), 143 terminated.',
    'Errors are one line with a stable code; CONTRASTIVE_DEBUG=1 adds the stack.',
  ].join('\n');
}
