// clang-format over native/ and the simulated device of tests; with --check, says what is not formatted and fails.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './steps.mjs';

const files = ['native', 'test/device/simulated'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .filter((name) => /\.(cc|h)$/.test(name))
    .map((name) => join(folder, name)),
);
const mode = process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i'];
const { error, status } = spawnSync('clang-format', [...mode, ...files], { cwd: root, stdio: 'inherit' });
if (error)
  console.error('clang-format is needed (Debian/Ubuntu: apt install clang-format; macOS: brew install clang-format)');
process.exitCode = error ? 1 : status;
