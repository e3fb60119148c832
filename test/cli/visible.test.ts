import { describe, expect, it } from 'vitest';
import { Output } from '../../lib/cli/output.ts';
import { RecordWriter } from '../../lib/cli/records.ts';
import { escapeHtml } from '../../lib/cli/report/html.ts';
import { visible } from '../../lib/cli/visible.ts';

const name = 'a\x1b[31m\u202egpj.\u0007\u009b2J\r\u2066é\u200d.png';
const shown = 'a\\x1b[31m\\u202egpj.\\x07\\x9b2J\\x0d\\u2066é\u200d.png';

it('writes out what steers a terminal or turns text around, and keeps lines, tabs and letters', () => {
  expect(visible(name)).toBe(shown);
  expect(visible('a\n\tb – ü 日本 🌷 \u200f')).toBe('a\n\tb – ü 日本 🌷 \u200f');
  expect(visible('\u0000\u001f\u007f\u0080\u2028\u2069')).toBe('\\x00\\x1f\\x7f\\x80\\u2028\\u2069');
});

describe('a name with escapes', () => {
  const written = (isTTY: boolean, json = false) => {
    const lines: string[] = [];
    const stream = { isTTY, write: (text: string) => lines.push(text) };
    return { lines, output: new Output(json, { stdout: stream, stderr: stream }) };
  };

  it('is harmless in text, warnings, the live line and errors', () => {
    const { lines, output } = written(false);
    output.print(name);
    output.warn(name);
    output.progress.update(name);
    output.progress.done(name);
    output.fail(name);
    expect(lines).toEqual([shown, `warning: ${shown}`, shown, shown, shown].map((line) => `${line}\n`));
  });

  it('stays as it is in JSON, which escapes it itself', () => {
    const { lines, output } = written(true, true);
    output.emit({ name });
    expect(JSON.parse(lines.join(''))).toEqual({ name });
    expect(lines.join('')).not.toContain('\x1b');
  });

  it('stays as it is in a table that a program reads, and is written out on a terminal', () => {
    for (const isTTY of [true, false]) {
      const { lines, output } = written(isTTY);
      new RecordWriter(['path'], undefined, output).write({ path: 'a\x1b.png' });
      expect(lines.at(-1)).toBe(isTTY ? 'a\\x1b.png\n' : 'a\x1b.png\n');
    }
  });

  it('is fit for HTML and SVG', () => {
    expect(escapeHtml('<a\x1b\u202e>')).toBe('&lt;a\\x1b\\u202e&gt;');
  });
});
