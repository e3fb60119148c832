/** Declarations as a table in Markdown, for the docs. */
import type { NumberRange } from '../validate.ts';
import type { Option, OptionTable } from './option.ts';

function bounds({ integer, above, min, max }: NumberRange): string {
  const limits = Object.entries({ '>': above, '>=': min, '<=': max }).filter(([, limit]) => limit !== undefined);
  const range = limits.map(([sign, limit]) => `${sign} ${limit}`).join(' and ');
  return `${integer ? 'integer' : 'number'} ${range}`.trim();
}

function typeOf(option: Option): string {
  switch (option.type) {
    case 'number':
      return bounds(option);
    case 'ramp':
      return `${bounds(option)}, or { from, to, schedule }`;
    case 'string':
      return option.choices?.map((choice) => `'${choice}'`).join(', ') ?? option.value ?? 'string';
    case 'boolean':
      return 'true, false';
    case 'group':
      return `{ ${Object.keys(option.options).join(', ')} }`;
    case 'checked':
      return option.value ?? '';
  }
}

function usualOf({ required, usual, default: value }: Option): string {
  if (required) return 'needed';
  return usual ?? (value === undefined ? '' : `\`${literal(value)}\``);
}

const literal = (value: unknown): string => JSON.stringify(value).replaceAll('"', "'");
const cell = (text: string): string => text.replaceAll('|', '\\|');

/** A row an option that has a line of help: its name, what it takes, its default, the help. */
export function optionRows(declared: OptionTable): string {
  const rows = Object.entries(declared).flatMap(([name, option]) => {
    const { help, guide } = option;
    if (help === undefined) return [];
    const linked = guide === undefined ? help : `[${help}](${guide})`;
    return [[`\`${name}\``, typeOf(option), usualOf(option), linked].map(cell).join(' | ')];
  });
  return ['| option | takes | default | |', '|---|---|---|---|', ...rows.map((row) => `| ${row} |`)].join('\n');
}
