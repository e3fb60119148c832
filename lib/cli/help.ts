/** The texts of `--help`. */
import type { Command, OptionSpec, OptionTable } from './command.ts';
import { wrap } from './format.ts';
import { flagOf, globalOptions, placeOf } from './options.ts';

/** Where there is no terminal to ask. */
const usualWidth = 100;
const leastWidth = 60;

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

/** Each with its explanation beside it, which is wrapped; below it where the first column is too narrow. */
function definitions(rows: readonly (readonly [term: string, text: string])[], width: number): string[] {
  const left = Math.min(36, Math.floor(width / 3), Math.max(...rows.map(([term]) => term.length)));
  return rows.flatMap(([term, text]) => {
    const lines = wrap(text, width - left - 4);
    const first = term.length > left ? [`  ${term}`] : [`  ${term.padEnd(left)}  ${lines.shift()}`];
    return [...first, ...lines.map((line) => `${' '.repeat(left + 4)}${line}`)];
  });
}

/** The options under the headings of their groups, those without one first. */
export function optionLines(table: OptionTable, width: number): string[] {
  const all = Object.entries(table);
  const groups = new Set([undefined, ...all.map(([, { group }]) => group)]);
  return [...groups].flatMap((group) => {
    const rows = all
      .filter(([, spec]) => spec.group === group)
      .map(([name, spec]) => [flagColumn(name, spec), explanation(spec)] as const);
    return rows.length === 0 ? [] : ['', `${group ?? 'Options'}:`, ...definitions(rows, width)];
  });
}

function usage({ name, options, places = [], positionals }: Command): string {
  const isRequired = (spec: OptionSpec | undefined): boolean => spec?.type !== 'boolean' && spec?.required === true;
  const words = [
    ...places.map((place) => (isRequired(options[place]) ? placeOf(place) : `[${placeOf(place)}]`)),
    ...(positionals === undefined ? [] : [positionals]),
    ...Object.entries(options).flatMap(([option, spec]) =>
      isRequired(spec) && !places.includes(option) ? [flagColumn(option, spec).slice(4)] : [],
    ),
  ];
  return ['Usage: contrastive', name, ...words, '[options]'].join(' ');
}

const widthOf = (columns: number | undefined): number => Math.max(leastWidth, columns || usualWidth);

/**
 * The help of one command: usage, what it does, options with defaults and units, examples.
 * @param columns of the terminal.
 */
export function commandHelp(command: Command, derived: OptionTable, columns: number | undefined): string {
  const width = widthOf(columns);
  return [
    usage(command),
    '',
    ...wrap(command.help.trim(), width),
    ...optionLines({ ...command.options, ...derived, ...globalOptions }, width),
    '',
    'Examples:',
    ...command.examples.flatMap(({ run, explains }) => [...wrap(`# ${explains}`, width - 2), run]).map((l) => `  ${l}`),
  ].join('\n');
}

/** The help of the whole program. */
export function programHelp(commands: readonly Command[], columns: number | undefined): string {
  const width = widthOf(columns);
  return [
    'Usage: contrastive COMMAND [options]',
    '',
    ...wrap(
      'Image representations by SimCLR, SupCon, MoCo, BYOL, DINO and seven other methods: trains an encoder, judges its features with kNN and a linear probe, and embeds images with it.',
      width,
    ),
    '',
    'Commands:',
    ...definitions(
      commands.map(({ name, summary }) => [name, summary]),
      width,
    ),
    ...optionLines({ ...globalOptions, version: { type: 'boolean', short: 'V', help: 'print the version' } }, width),
    '',
    'Examples:',
    '  # Is everything in place? What to do about what is not.',
    '  contrastive doctor',
    '  # Train on the bundled images for a few minutes and write a report to look at.',
    '  contrastive demo',
    '  # Train on your own images: a folder, with a sub-folder for each class or without any.',
    '  contrastive train photos',
    '  # All options of a command, with defaults and units.',
    '  contrastive train --help',
    '',
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (Ctrl-C), 143 terminated.',
    'Errors are one line with a stable code; CONTRASTIVE_DEBUG=1 adds the stack.',
  ].join('\n');
}
