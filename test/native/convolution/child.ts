/**
 * One process of the sweep: does the runs that its argument names, and prints a line before and after each. It may die or hang
 * in between: the parent sees by the lines where.
 */
import { writeSync } from 'node:fs';
import { setThreads } from '../../../lib/index.ts';
import type { Suite } from './suite.ts';
import { suites } from './suites.ts';

const {
  suite,
  threads,
  from,
  to,
  step = 1,
} = JSON.parse(process.argv[2] as string) as {
  readonly suite: string;
  readonly threads: number;
  readonly from: number;
  readonly to: number;
  /** From one run to the next. Default 1. */
  readonly step?: number;
};
setThreads(threads);
const { check } = suites[suite] as Suite;
for (let run = from; run < to; run += step) {
  writeSync(1, `${run}\n`);
  writeSync(1, `${run} ${(await check(run)) ?? 'ok'}\n`);
}
