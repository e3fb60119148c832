import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scriptPath } from './scripts.ts';

// Each test runs the module in a process of its own: it installs signal handlers and ends its process.
const steps = pathToFileURL(scriptPath('steps.mjs')).href;
let folder: string;
let log: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'contrastive-steps-'));
  log = `steps-test-${process.pid}`;
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  for (const ending of ['log', 'pid']) rmSync(join(scriptPath('../build'), `${log}.${ending}`), { force: true });
});

const argumentsOf = (code: string): string[] => [
  '--input-type=module',
  '-e',
  `import * as s from ${JSON.stringify(steps)}; const folder = ${JSON.stringify(folder)};
   const place = ${JSON.stringify(relative(scriptPath('..'), folder))}; ${code}`,
];
function run(code: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, argumentsOf(code), { encoding: 'utf8' });
}

describe('step', () => {
  it('prints one line with the time and the note', () => {
    const { stdout } = run(`await s.step('a step', async () => 'a note');`);
    expect(stdout).toMatch(/^ {2}a step +\d+\.\d s {2}a note\n$/);
  });
});

describe('step without a terminal', () => {
  it('says every ten seconds that it goes on, and where it is', () => {
    const { stdout } = run(
      `const { mock } = await import('node:test');
       mock.timers.enable({ apis: ['setInterval'] });
       await s.step('a step', async (at) => { mock.timers.tick(10_000); at('half way'); mock.timers.tick(10_000); });
       mock.timers.tick(30_000);`,
    );
    expect(stdout).toMatch(/^ {2}a step … 0 s\n {2}a step … 0 s {2}half way\n {2}a step +\d+\.\d s\n$/);
  });
});

describe('runLogged', () => {
  it('keeps the output in a log and shows its tail on failure', () => {
    const program = `for (let i = 0; i < 100; i++) console.log('line ' + i); process.exit(3)`;
    const { stdout } = run(
      `try { await s.runLogged('${log}', process.execPath, ['-e', ${JSON.stringify(program)}]); }
       catch (error) { console.log(error instanceof s.StepError, error.message); }`,
    );
    expect(stdout).toMatch(/^true line 60\n/);
    expect(stdout).toContain(`failed with status 3; the whole log is in ${join('build', `${log}.log`)}`);
    expect(readFileSync(join(scriptPath('../build'), `${log}.log`), 'utf8')).toContain('line 0\n');
  });

  it('names a program that cannot be started', () => {
    const { stdout } = run(
      `try { await s.runLogged('${log}', 'no-such-program', []); } catch (error) { console.log(error.message); }`,
    );
    expect(stdout).toContain('no-such-program could not be started');
  });

  it.runIf(process.platform !== 'win32')(
    'ends its child and itself when killed, with the code of the signal',
    async () => {
      const child = spawn(
        process.execPath,
        argumentsOf(
          `await s.runLogged('${log}', process.execPath, ['-e', 'console.log(process.pid); setInterval(() => {}, 1000)'],
           { onLine: (line) => console.log(line) });`,
        ),
      );
      const grandchild = await new Promise<number>((resolve) =>
        child.stdout.once('data', (text) => resolve(Number(text))),
      );
      child.kill('SIGTERM');
      expect(await new Promise((resolve) => child.once('close', resolve))).toBe(143);
      expect(() => process.kill(grandchild, 0)).toThrow('ESRCH');
    },
  );

  it.runIf(process.platform !== 'win32')('waits for what a killed run left behind', () => {
    // Through a shell that ends at once, so that it is nobody's zombie when it ends.
    const { stdout: pid } = spawnSync('sh', ['-c', 'sleep 1.5 >/dev/null 2>&1 & echo $!'], { encoding: 'utf8' });
    const started = spawnSync('ps', ['-o', 'lstart=', '-p', pid.trim()], { encoding: 'utf8' }).stdout.trim();
    mkdirSync(scriptPath('../build'), { recursive: true });
    writeFileSync(join(scriptPath('../build'), `${log}.pid`), `${pid}${started}`);
    const { stdout } = run(
      `const from = Date.now(); let waited = '';
       await s.runLogged('${log}', process.execPath, ['-e', ''], { onLine: (line) => { waited = line; } });
       console.log(waited, Date.now() - from > 500);`,
    );
    expect(stdout).toContain('true');
    expect(stdout).toContain(`waiting for process ${pid.trim()}`);
  });
});

describe('signature and stamp', () => {
  it('changes with names, sizes, times and the extra values', () => {
    const { stdout } = run(`
      import { rmSync, utimesSync, writeFileSync } from 'node:fs';
      const digests = [];
      const add = (...extra) => digests.push(s.signature([place], ...extra));
      writeFileSync(folder + '/a', '1');
      for (const time of [1000, 1000, 1001]) { utimesSync(folder + '/a', time, time); add(); }
      add('extra');
      writeFileSync(folder + '/b', ''); add();
      rmSync(folder, { recursive: true }); add();
      console.log(JSON.stringify(digests.map((digest) => digests.indexOf(digest))));`);
    expect(JSON.parse(stdout)).toEqual([0, 0, 2, 3, 4, 5]);
  });

  it('is absent until written and after it is cleared', () => {
    const { stdout } = run(
      `const stamp = s.stamp(place + '/deep/stamp'); console.log(stamp.read()); stamp.write('x'); console.log(stamp.read());
       stamp.clear(); stamp.clear(); console.log(stamp.read());`,
    );
    expect(stdout).toBe('undefined\nx\nundefined\n');
    expect(existsSync(join(folder, 'deep/stamp'))).toBe(false);
  });
});
