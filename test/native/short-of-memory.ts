/** Run by short-of-memory.test.ts: reads a tensor of 500 MiB, and makes one of 16 GB, with 700 MiB left to the process. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as ops from '../../lib/tensor/ops.ts';

const large = ops.ones([500 * 2 ** 18]);
await large.ready();
const [, kilobytes] = /VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
execFileSync('prlimit', ['--pid', String(process.pid), `--as=${Number(kilobytes) * 1024 + 700 * 2 ** 20}`]);
const said: string[] = [];
for (const work of [() => large.data(), () => ops.ones([4e9]).sum().item()])
  await work().catch((error: Error) => said.push(error.message));
console.log(JSON.stringify(said));
