/** An example that is run with an option that it does not have says so, before it does anything. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const folder = fileURLToPath(new URL('../../examples/', import.meta.url));
const tsx = createRequire(import.meta.url).resolve('tsx');
/** Those that a person runs: not an encoder for the command, nor what a launcher starts. */
const others = ['small-net.ts', 'distributed.ts'];
const scripts = readdirSync(folder).filter((name) => name.endsWith('.ts') && !others.includes(name));

it('examples refuse options that they do not have', { timeout: 60_000 }, async () => {
  const failures = await Promise.all(
    scripts.map(
      (name) =>
        new Promise((resolve) => {
          execFile(process.execPath, ['--import', tsx, join(folder, name), '--fast'], (error, stdout, stderr) =>
            resolve([name, error?.code, stdout, stderr.split('\n')[0]]),
          );
        }),
    ),
  );
  expect(failures).toEqual(scripts.map((name) => [name, 1, '', expect.stringContaining("Unknown option '--fast'")]));
});
