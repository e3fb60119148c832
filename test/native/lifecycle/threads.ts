/**
 * A process whose address space has no room for another thread's stack (1 GiB, by `ulimit -s`). Prints the code of the
 * error that the named part gives, then ends by itself. usage: threads.ts stream|pool|recycler
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { augment } from '../../../lib/augment/augment.ts';
import { normalize } from '../../../lib/augment/normalize.ts';
import * as ops from '../../../lib/tensor/ops.ts';
import { devices, memory, sync } from '../../../lib/tensor/runtime.ts';

const [mode] = process.argv.slice(2);
const megabyte = 2 ** 20;

/** Leaves room for so many bytes more; undefined: no limit. */
function limit(more?: number): void {
  const kilobytes = Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  const bytes = more === undefined ? 'unlimited' : kilobytes * 1024 + more;
  execFileSync('prlimit', ['--pid', String(process.pid), `--as=${bytes}:unlimited`]);
}

/** What a call throws or rejects with, and the result of the next, without a limit. */
async function refused(call: () => Promise<unknown>): Promise<void> {
  limit(512 * megabyte);
  const code = await call().then(
    () => 'none',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  );
  limit();
  await call();
  console.log(code);
}

switch (mode) {
  case 'stream':
    devices(); // loads the addon, which has no stream yet
    await refused(async () => ops.ones([1]).data());
    break;
  case 'pool': {
    await ops.ones([1]).data();
    const image = { id: 0, pixels: new Uint8Array(4), width: 2, height: 2, channels: 1 };
    const view = augment([normalize(0.5, 0.5)]);
    await refused(async () => view.apply([image], { seed: 1 }).data());
    break;
  }
  case 'recycler': {
    limit(1000 * megabyte); // libtorch's own libraries take 600
    devices();
    limit();
    const large = ops.ones([megabyte]);
    await sync();
    large.dispose();
    await sync();
    console.log(`${await ops.ones([1]).item()}, ${memory().recyclable} bytes kept`);
    break;
  }
  default:
    throw new Error(`unknown mode ${mode}`);
}
