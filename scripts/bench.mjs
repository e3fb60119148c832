// npm run bench -- NAME [args]: runs bench/NAME.ts; without a name, lists them.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = new URL('../bench/', import.meta.url);
const [name, ...args] = process.argv.slice(2);
const file = name && new URL(`${name}.ts`, folder);
if (!file || !existsSync(file)) {
  const names = readdirSync(folder).filter((entry) => entry.endsWith('.ts') && entry !== 'peer.ts');
  console.error(
    `usage: npm run bench -- NAME [args]; there are ${names.map((entry) => entry.slice(0, -3)).join(', ')}`,
  );
  process.exit(2);
}
const { status } = spawnSync(process.execPath, ['--import', 'tsx', fileURLToPath(file), ...args], { stdio: 'inherit' });
process.exit(status ?? 1);
