import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Command, defineCommand } from '../../lib/cli/command.ts';
import { flag } from '../../lib/cli/flag.ts';
import { runProgram } from '../../lib/cli/program.ts';
import { precisionWords } from '../../lib/cli/shared-options.ts';
import { AbortError, LibtorchError, OptionError } from '../../lib/errors.ts';
import { precisionOption } from '../../lib/tensor/precision.ts';
import { binFile, mainFile, runMain, runWith, surroundings } from './run-cli.ts';

let got: { options: object; positionals: readonly string[] } | undefined;
const paint = defineCommand({
  name: 'paint',
  summary: 'paints a picture',
  positionals: 'FILE',
  maxPositionals: 1,
  help: 'Paints FILE. '.repeat(20),
  examples: [{ run: 'contrastive paint --brush-size 3 a.png', explains: 'With a small brush.' }],
  options: {
    brushSize: {
      type: 'number',
      value: 'PIXELS',
      default: 4,
      min: 1,
      integer: true,
      help: 'width of the brush in pixels',
    },
    angle: { type: 'number', value: 'DEGREES', help: 'of the brush' },
    colour: { type: 'string', value: 'NAME', choices: ['red', 'blue'], default: 'red', help: 'of the paint' },
    out: { type: 'string', value: 'FILE', short: 'o', help: 'where to write' },
    quick: { type: 'boolean', help: 'less care' },
  },
  async run({ options, positionals, output }) {
    got = { options, positionals };
    output.print(`painted in ${options.colour}`);
    output.emit({ colour: options.colour });
  },
});
const strict = defineCommand({
  name: 'strict',
  summary: 'needs an option',
  help: 'Needs an option.',
  examples: [],
  options: { data: { type: 'string', value: 'DIR', required: true, help: 'what to read' } },
  async run() {},
});
const look = defineCommand({
  name: 'look',
  summary: 'takes options by place',
  help: 'Looks.',
  places: ['run', 'data'],
  examples: [],
  options: {
    run: { type: 'string', value: 'DIR', required: true, help: 'what to look at' },
    data: { type: 'string', value: 'DIR', help: 'what with' },
    precision: flag(precisionOption, { synonyms: precisionWords.synonyms, usual: 'float32', help: 'how closely' }),
    hidden: { type: 'boolean', group: 'Seldom needed', help: 'in secret' },
  },
  async run({ options, positionals, given }) {
    got = { options, positionals };
    expect([...given].every((name) => name in options)).toBe(true);
  },
});
const failing = (error: unknown): Command => ({
  ...strict,
  name: 'fail',
  options: {},
  run: () => Promise.reject(error),
});

const run = (...args: string[]) => runWith([paint, strict, look], args);

describe('options', () => {
  it('are converted, filled with defaults, and known by camelCase names', async () => {
    expect(await run('paint')).toEqual({ code: 0, stdout: 'painted in red\n', stderr: '' });
    expect(got).toMatchObject({ options: { brushSize: 4, colour: 'red', quick: false }, positionals: [] });
    await run('paint', '--brush-size=7', '--angle', '-30.5', '-o', 'x', '--quick', 'a.png', '--colour', 'blue');
    expect(got).toMatchObject({
      options: { brushSize: 7, angle: -30.5, out: 'x', quick: true, colour: 'blue' },
      positionals: ['a.png'],
    });
    await run('paint', '--', '--not-a-flag');
    expect(got?.positionals).toEqual(['--not-a-flag']);
  });

  it('are known by their place too, those that were not typed as flags; and by other names of their choices', async () => {
    expect((await run('look', 'runs/a', 'photos', '--precision', 'bf16')).code).toBe(0);
    expect(got).toMatchObject({ options: { run: 'runs/a', data: 'photos', precision: 'bfloat16' }, positionals: [] });
    await run('look', 'photos', '--run', 'runs/b', '--precision=fp32');
    expect(got).toMatchObject({ options: { run: 'runs/b', data: 'photos', precision: 'float32' } });
  });

  it.each([
    [['paint', '--brush-sise', '3'], 'contrastive paint: unknown option --brush-sise; did you mean --brush-size?'],
    [['paint', '--zzzzzzzzzz'], '`contrastive paint --help` lists the options'],
    [['paint', '-z'], 'unknown option -z'],
    [['paint', '--brush-size', 'big'], "--brush-size must be a number, got 'big'"],
    [['paint', '--brush-size', '0'], '--brush-size must be an integer >= 1, got 0'],
    [['paint', '--brush-size', '1.5'], '--brush-size must be an integer >= 1, got 1.5'],
    [['paint', '--angle', 'Infinity'], '--angle must be a finite number'],
    [['paint', '--brush-size'], '--brush-size needs a value (PIXELS)'],
    [['paint', '--out', '--quick'], '--out needs a value (FILE)'],
    [['paint', '--colour', 'blu'], "did you mean 'blue'?"],
    [['paint', '--quick=yes'], "--quick takes no value, got 'yes'"],
    [['paint', 'a', 'b'], "contrastive paint: does not know what 'a' 'b' is for"],
    [['strict', 'a', '--data', 'x'], "contrastive strict: does not know what 'a' is for"],
    [['strict'], 'contrastive strict: --data DIR is required'],
    [['look'], 'contrastive look: RUN is missing: what to look at'],
    [['look', 'a', '--run', 'b', '--data', 'c'], "contrastive look: does not know what 'a' is for"],
    [['pant'], "unknown command 'pant'; did you mean 'paint'?"],
    [['./lib'], "unknown command './lib'; to train on it: contrastive train ./lib"],
    [['toString'], "unknown command 'toString'; known: paint, strict, look"],
    [[], 'a command is needed'],
    [['--jsn', 'paint'], 'did you mean --json?'],
  ])('%j is wrong usage: exit code 2 and a message that helps', async (args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^error: .*\[ERR_OPTION\]\n$/);
  });
});

describe('--json', () => {
  it('prints records and no text, before or after the command', async () => {
    expect(await run('paint', '--json')).toEqual({ code: 0, stdout: '{"colour":"red"}\n', stderr: '' });
    expect((await run('--json', 'paint')).stdout).toBe('{"colour":"red"}\n');
  });

  it('gives an error as a record with its code', async () => {
    const { code, stdout, stderr } = await run('paint', '--json', '--colour', 'green');
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ error: { code: 'ERR_OPTION', message: expect.stringContaining('--colour') } });
  });
});

describe('errors of a command', () => {
  const outcome = async (error: unknown, options: Parameters<typeof runWith>[2] = {}) =>
    runWith([failing(error)], ['fail'], options);

  it('end with code 1 and one line without a stack; the stack comes with CONTRASTIVE_DEBUG', async () => {
    const error = new LibtorchError('no libtorch');
    expect(await outcome(error)).toEqual({ code: 1, stdout: '', stderr: 'error: no libtorch [ERR_LIBTORCH]\n' });
    expect((await outcome(error, { env: { CONTRASTIVE_DEBUG: '1' } })).stderr).toContain('main.test.ts');
    expect(await outcome(new TypeError('a bug'))).toMatchObject({ code: 1, stderr: 'error: a bug [ERR_INTERNAL]\n' });
    expect(await outcome(new OptionError('bad'))).toMatchObject({ code: 2 });
  });

  it('end with 130 or 143 when a signal was the reason', async () => {
    for (const [reason, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const signal = AbortSignal.abort(reason);
      expect(await outcome(new AbortError(), { signal })).toMatchObject({ code });
      expect(await outcome(new DOMException('aborted', 'AbortError'), { signal })).toMatchObject({ code });
    }
  });
});

describe('help', () => {
  it('of the program lists every command', async () => {
    for (const args of [['--help'], ['-h'], ['help']]) {
      const { code, stdout } = await run(...args);
      expect(code).toBe(0);
      expect(stdout).toContain('paint   paints a picture');
      expect(stdout).toContain('Exit codes: 0 done, 1 failed, 2 wrong usage');
    }
  });

  it('of a command teaches: usage, defaults, choices, units, examples; fits 100 columns', async () => {
    for (const args of [
      ['paint', '--help'],
      ['help', 'paint'],
      ['--help', 'paint'],
      ['paint', '--nonsense', '-h'],
    ]) {
      const { code, stdout } = await run(...args);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Usage: contrastive paint FILE \[options\]\n/);
      expect(stdout).toContain('--brush-size PIXELS  width of the brush in pixels (default 4)');
      expect(stdout).toContain('-o, --out FILE');
      expect(stdout).toContain('(one of red, blue; default red)');
      expect(stdout).toContain('  # With a small brush.\n  contrastive paint --brush-size 3 a.png');
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    }
    expect((await run('strict', '--help')).stdout).toMatch(/^Usage: contrastive strict --data DIR \[options\]/);
    const { stdout } = await run('look', '--help');
    expect(stdout).toMatch(/^Usage: contrastive look RUN \[DATA\] \[options\]/);
    expect(stdout).toMatch(/\nOptions:\n(?: .*\n)+\nSeldom needed:\n +--hidden +in secret\n/);
  });

  it('is a record under --json', async () => {
    for (const args of [
      ['--help', '--json'],
      ['paint', '--help', '--json'],
    ]) {
      const { code, stdout } = await run(...args);
      const { stdout: text } = await run(...args.slice(0, -1));
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toEqual({ help: text.trimEnd() });
    }
  });

  it.each([60, 140])('is as wide as a terminal of %i columns', async (columns) => {
    let text = '';
    const code = await runProgram(['paint', '--help'], {
      commands: { paint: async () => ({ command: paint }) },
      signal: new AbortController().signal,
      streams: { stdout: { columns, write: (part: string) => (text += part) }, stderr: { write: () => true } },
    });
    const longest = Math.max(...text.split('\n').map((line) => line.length));
    expect([code, longest > columns - 15, longest <= columns]).toEqual([0, true, true]);
  });
});

describe('the real program', () => {
  it('prints help, version and usage errors, and loads no libtorch for them', () => {
    const help = runMain(['--help'], { CONTRASTIVE_LIBTORCH: '/nowhere' });
    expect(help.status).toBe(0);
    for (const name of ['train', 'eval', 'embed', 'demo', 'doctor', 'libtorch'])
      expect(help.stdout).toContain(`  ${name} `);
    expect(runMain(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(runMain(['doctr'])).toMatchObject({ status: 2, stderr: expect.stringContaining("did you mean 'doctor'?") });
  });

  it.runIf(process.platform !== 'win32')('asks the command to stop at the first Ctrl-C and ends with 130', async () => {
    // A command of the test's in place of doctor: waits for the signal, as a training loop does between steps.
    const folder = mkdtempSync(join(tmpdir(), 'contrastive-cli-'));
    const hook = join(folder, 'hook.mjs');
    const waiting = `export const command = { name: 'doctor', options: {}, run: ({ signal }) => new Promise((_, reject) => {
      console.log('ready'); const timer = setInterval(() => {}, 1000);
      signal.addEventListener('abort', () => { clearInterval(timer); reject(new DOMException('stopped', 'AbortError')); }); }) };`;
    writeFileSync(
      hook,
      `import { register } from 'node:module'; register('data:text/javascript,' + encodeURIComponent(\`
        export const resolve = (name, context, next) => name.endsWith('doctor.ts') && context.parentURL.endsWith('main.ts')
          ? { url: 'data:text/javascript,' + ${JSON.stringify(encodeURIComponent(waiting))}, shortCircuit: true }
          : next(name, context);\`));`,
    );
    try {
      const args = ['--import', 'tsx', '--import', pathToFileURL(hook).href, mainFile, 'doctor'];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      let errors = '';
      child.stderr.on('data', (text) => {
        errors += text;
      });
      await new Promise((ready) => child.stdout.once('data', ready));
      child.kill('SIGINT');
      child.kill('SIGINT'); // npx passes the terminal's on: still one Ctrl-C
      const [code, signal] = await new Promise<[number, string]>((done) =>
        child.once('close', (...how) => done(how as never)),
      );
      expect({ code, signal, errors }).toEqual({ code: 130, signal: null, errors: 'stopped\n' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the command', () => {
  /** The size that libuv was told, as it is when the program ends, and what it printed. */
  function poolOf(given: Record<string, string>) {
    const tell = `process.on('exit', () => process.stderr.write(process.env.UV_THREADPOOL_SIZE))`;
    return spawnSync(
      process.execPath,
      ['--import', 'tsx', '--import', `data:text/javascript,${encodeURIComponent(tell)}`, binFile, '--version'],
      {
        encoding: 'utf8',
        env: { ...surroundings, ...given },
      },
    );
  }

  it('has a pool for a decode a core and two threads for others, unless one was chosen', () => {
    const expected = String(Math.max(4, availableParallelism() + 2));
    expect(poolOf({})).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+/), stderr: expected });
    expect(poolOf({ UV_THREADPOOL_SIZE: '7' })).toMatchObject({ status: 0, stderr: '7' });
  });
});
