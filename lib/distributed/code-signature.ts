/** What runs in a process, for others to compare with: processes of different code would compute different things. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAddon } from '../native/addon.ts';
import { packageVersion } from '../native/addon-path.ts';

/** Of lib/ or dist/, whichever runs. */
const ownFolder = fileURLToPath(new URL('..', import.meta.url));

const isCode = (name: string): boolean => /\.[cm]?[jt]s$/.test(name) && !/\.d\.[cm]?ts$/.test(name);

export const shortDigest = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 16);
};

function digestOfFolder(folder: string): string {
  const names = (readdirSync(folder, { recursive: true }) as string[]).filter(isCode).sort();
  return shortDigest(...names.map((name) => readFileSync(join(folder, name))));
}

/** Of the program that node was started with; it may have none, or one that is gone. */
function digestOfProgram(): string {
  try {
    return shortDigest(readFileSync(process.argv[1] as string));
  } catch {
    return 'none';
  }
}

/** Versions, and digests of the package's code, of the addon's operations and of the program's file, by name. */
export function codeSignature(): Readonly<Record<string, string>> {
  const addon = loadAddon();
  const schemas = addon.ownOps().map((name) => addon.schema(name));
  return {
    contrastive: packageVersion(),
    libtorch: addon.info().torchVersion,
    'code of contrastive': digestOfFolder(ownFolder),
    'operations of the addon': shortDigest(schemas.sort().join('\n')),
    'program of node': digestOfProgram(),
  };
}
