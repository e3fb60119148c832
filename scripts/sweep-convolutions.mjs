// `npm run sweep`: convolutions of every kind and encoders of many widths, forward and all gradients, against plain loops and
// float64, in child processes, at each level of instructions, with one thread and two. Prints a table of what was wrong, died or
// hung, by kind. `npm run sweep -- avx2` takes one level of sse41, avx2 and native; `--plain` shows libtorch without what
// native/nn/convolution.cc does. About a quarter of an hour.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suites } from '../test/native/convolution/suites.ts';
import { levels } from './levels.mjs';

const hangMs = 30_000;
const child = fileURLToPath(new URL('../test/native/convolution/child.ts', import.meta.url));
/** glibc's checks of the heap, so that a write past the end is found where it happens. */
const mallocCheck = '/lib/x86_64-linux-gnu/libc_malloc_debug.so.0';

/** Runs [from, to) in one process; where it ended, and how: 'done', or what became of the run that it was at. */
function runChild(env, { suite, threads, from, to }, found) {
  const checks = existsSync(mallocCheck)
    ? { LD_PRELOAD: mallocCheck, MALLOC_CHECK_: '3', CONTRASTIVE_DEEPBIND: '0' }
    : {};
  return new Promise((resolve) => {
    const process_ = spawn(process.execPath, ['--import', 'tsx', child, JSON.stringify({ suite, threads, from, to })], {
      env: { ...process.env, ...env, ...checks, OMP_NUM_THREADS: String(threads) },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let at = from;
    let hung = false;
    const kill = () => {
      hung = true;
      process_.kill('SIGKILL');
    };
    let timer = setTimeout(kill, hangMs);
    createInterface(process_.stdout).on('line', (line) => {
      clearTimeout(timer);
      timer = setTimeout(kill, hangMs);
      const [, run, result] = /^(\d+) ?(.*)$/.exec(line) ?? [];
      at = Number(run);
      if (result !== '' && result !== 'ok') found.push({ run: at, what: String(result) });
    });
    process_.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve({ at: to, end: 'done' });
      else resolve({ at, end: hung ? 'hangs' : `dies (${signal ?? `status ${code}`})` });
    });
  });
}

async function sweep(env, suite, threads) {
  const found = [];
  const total = suites[suite].count;
  for (let from = 0; from < total; ) {
    const { at, end } = await runChild(env, { suite, threads, from, to: total }, found);
    if (end !== 'done') found.push({ run: at, what: end });
    from = end === 'done' ? at : at + 1;
    if (process.stderr.isTTY) process.stderr.write(`\r${from} of ${total}, ${found.length} bad `);
  }
  return found;
}

const list = (values) => [...new Set(values)].sort((a, b) => a - b).join(' ');

/** One row a kind and what happened to it, with the numbers of its runs. */
function table(suite, found) {
  const kinds = new Map();
  for (const { run, what } of found) {
    const { kind, numbers } = suites[suite].describe(run);
    const key = `${kind}: ${what.replace(/:.*/, '')}`;
    kinds.set(key, [...(kinds.get(key) ?? []), numbers]);
  }
  return [...kinds].map(([key, all]) => {
    const ranges = Object.keys(all[0]).map((name) => `${name} ${list(all.map((numbers) => numbers[name]))}`);
    return `  ${key}: ${all.length} runs; ${ranges.join('; ')}`;
  });
}

const args = process.argv.slice(2);
const plain = args.includes('--plain');
const wanted = args.filter((arg) => arg !== '--plain');
let bad = 0;
for (const level of wanted.length > 0 ? wanted : Object.keys(levels)) {
  if (levels[level] === undefined) throw new Error(`levels are ${Object.keys(levels).join(', ')}; got ${level}`);
  const env = { ...levels[level], ...(plain && { CONTRASTIVE_PLAIN_CONVOLUTIONS: '1' }) };
  for (const suite of Object.keys(suites))
    for (const threads of [1, 2]) {
      const began = performance.now();
      const found = await sweep(env, suite, threads);
      bad += found.length;
      const seconds = Math.round((performance.now() - began) / 1000);
      const { count } = suites[suite];
      console.log(`${level}, ${suite}, ${threads} thread(s): ${found.length} of ${count} bad (${seconds} s)`);
      for (const row of table(suite, found)) console.log(row);
      for (const { run, what } of found.filter(({ what }) => what.includes(':')).slice(0, 3))
        console.log(
          `    for example ${suites[suite].describe(run).kind}, ${JSON.stringify(suites[suite].describe(run).numbers)}: ${what}`,
        );
    }
}
console.log(bad === 0 ? 'nothing is wrong' : `${bad} runs are wrong`);
process.exitCode = bad > 0 ? 1 : 0;
