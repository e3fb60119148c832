import { describe, expect, it, vi } from 'vitest';
import { formatBytes, formatDuration, formatTable, listed } from '../../lib/cli/format.ts';
import { Output } from '../../lib/cli/output.ts';
import { Progress } from '../../lib/cli/progress.ts';

function stream(isTTY: boolean, columns = 20) {
  const written: string[] = [];
  return { isTTY, columns, written, write: (text: string) => written.push(text) };
}

describe('Progress', () => {
  it('rewrites one line on a terminal, cut to its width, at most ten times a second', () => {
    let now = 0;
    const terminal = stream(true);
    const progress = new Progress(terminal, { now: () => now });
    progress.update('one');
    now = 50;
    progress.update(() => expect.fail('called though it is not shown'));
    now = 100;
    progress.update('a line that is longer than the terminal');
    expect(terminal.written).toEqual(['\r\x1b[2Kone', '\r\x1b[2Ka line that is lon…']);
    progress.done('finished');
    expect(terminal.written.slice(2)).toEqual(['\r\x1b[2K', 'finished\n']);
    progress.update('next'); // shown at once
    expect(terminal.written.at(-1)).toBe('\r\x1b[2Knext');
  });

  it('draws a bar before the text on a wide terminal: as much of it as is done', () => {
    const bars = [0, 0.5, 1].map((share) => {
      const terminal = stream(true, 80);
      new Progress(terminal).update('x'.repeat(90), share);
      return (terminal.written[0] as string).slice('\r\x1b[2K'.length);
    });
    expect(bars[1]).toBe(`\x1b[36m${'━'.repeat(10)}\x1b[0m${'─'.repeat(10)}  ${'x'.repeat(56)}…`);
    const [none, , whole] = bars.map((bar) => bar.split('━').length - 1);
    expect([none, whole]).toEqual([0, 20]);
    const [narrow, pipe] = [stream(true, 79), stream(false)];
    for (const each of [narrow, pipe]) new Progress(each).update('text', 0.5);
    expect([narrow.written, pipe.written]).toEqual([['\r\x1b[2Ktext'], ['text\n']]);
    vi.stubEnv('NO_COLOR', '1');
    const plain = stream(true, 80);
    new Progress(plain).update('text', 0.5);
    vi.unstubAllEnvs();
    expect(plain.written).toEqual([`\r\x1b[2K${'━'.repeat(10)}${'─'.repeat(10)}  text`]);
  });

  it('takes a terminal that tells no width for one of 80 columns', () => {
    const terminal = stream(true, 0);
    new Progress(terminal).update('x'.repeat(90));
    expect(terminal.written).toEqual([`\r\x1b[2K${'x'.repeat(78)}…`]);
  });

  it('writes a plain line every five seconds elsewhere', () => {
    let now = 0;
    const pipe = stream(false);
    const progress = new Progress(pipe, { now: () => now });
    for (now = 0; now <= 11_000; now += 1000) progress.update(`at ${now}`);
    progress.done();
    expect(pipe.written).toEqual(['at 0\n', 'at 5000\n', 'at 10000\n']);
  });

  it('writes nothing when it is off', () => {
    const terminal = stream(true);
    const progress = new Progress(terminal, { enabled: false });
    progress.update('one');
    progress.around(() => {});
    progress.done('end');
    expect(terminal.written).toEqual([]);
  });
});

describe('Output', () => {
  it('takes the live line out of the way of a text', () => {
    const terminal = stream(true);
    const output = new Output(false, { stdout: terminal, stderr: terminal });
    output.progress.update('live');
    output.print('text');
    output.warn('beware');
    output.emit({ hidden: true });
    expect(terminal.written.join('|')).toBe(
      '\r\x1b[2Klive|\r\x1b[2K|text\n|live|\r\x1b[2K|\x1b[33mwarning:\x1b[0m beware\n|live',
    );
  });

  it('prints one object a line for machines, warnings too', () => {
    const stdout = stream(false);
    const stderr = stream(true);
    const output = new Output(true, { stdout, stderr });
    output.progress.update('live');
    output.print('text');
    output.warn('beware');
    output.emit({ kind: 'step', loss: 1.5 });
    expect(stdout.written).toEqual(['{"warning":"beware"}\n', '{"kind":"step","loss":1.5}\n']);
    expect(stderr.written).toEqual([]);
  });
});

describe('formats', () => {
  it('durations', () => {
    expect([0.0004, 0.85, 0.9996, 3.14, 42.4, 59.6, 200, 3899, Number.NaN].map(formatDuration)).toEqual([
      '0 ms',
      '850 ms',
      '1.0 s',
      '3.1 s',
      '42 s',
      '1 min 00 s',
      '3 min 20 s',
      '1 h 05 min',
      '?',
    ]);
  });

  it('bytes', () => {
    expect([0, 999, 1500, 191_794_682, 25.3e9].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.5 kB',
      '192 MB',
      '25.3 GB',
    ]);
  });

  it('lists', () => {
    expect([['a'], ['a', 'b'], ['a', 'b', 'c']].map(listed)).toEqual(['a', 'a and b', 'a, b and c']);
  });

  it('tables', () => {
    const rows = [
      ['name', 'kNN'],
      ['SimCLR', '77.7'],
    ];
    expect(formatTable(rows)).toBe('name    kNN\nSimCLR  77.7');
    expect(formatTable(rows, { numeric: true })).toBe('name     kNN\nSimCLR  77.7');
  });
});
