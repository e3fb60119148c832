/** What a library that we ship may ask of the machine: what every distribution with glibc 2.28 has, and nothing else. */
import { basename } from 'node:path';
import { importScript } from '../scripts/scripts.ts';

interface Library {
  readonly soname: string | undefined;
  readonly needed: readonly string[];
  readonly paths: readonly string[];
  readonly undefinedSymbols: readonly { readonly name: string; readonly version?: string; readonly weak: boolean }[];
  readonly definedSymbols: readonly string[];
  readonly versionNeeds: readonly { readonly library: string; readonly version: string }[];
}

export const { readLibrary, systemLibrary } = await importScript<{
  readLibrary(path: string): Library;
  systemLibrary: RegExp;
}>('elf.mjs');

/** Of manylinux_2_28: glibc 2.28, and the libstdc++ of gcc 8.5. */
const newest: Readonly<Record<string, readonly number[]>> = {
  GLIBC: [2, 28],
  GLIBCXX: [3, 4, 25],
  CXXABI: [1, 3, 11],
};

function isNewer(version: readonly number[], than: readonly number[]): boolean {
  for (const [i, part] of version.entries()) if (part !== (than[i] ?? 0)) return part > (than[i] ?? 0);
  return false;
}

/** Everything that keeps the libraries, shipped together, from loading on such a machine. */
export function problemsOf(paths: readonly string[]): string[] {
  const libraries = paths.map((path) => ({ name: basename(path), ...readLibrary(path) }));
  const offered = new Set(libraries.flatMap(({ definedSymbols }) => definedSymbols));
  const problems: string[] = [];
  for (const library of libraries) {
    const say = (problem: string) => problems.push(`${library.name}: ${problem}`);
    for (const name of library.needed)
      if (!systemLibrary.test(name) && !libraries.some(({ soname, name: file }) => name === (soname ?? file)))
        say(`needs ${name}`);
    for (const path of library.paths.flatMap((paths) => paths.split(':')))
      if (!/^\$ORIGIN(\/|$)/.test(path)) say(`looks for libraries in ${path}`);
    for (const { version } of library.versionNeeds) {
      const [family = '', numbers = ''] = version.split('_');
      const limit = newest[family];
      if (limit === undefined || !isNewer(numbers.split('.').map(Number), limit)) continue;
      const symbols = library.undefinedSymbols.filter((symbol) => symbol.version === version).map(({ name }) => name);
      say(`needs ${version} for ${symbols.join(', ')}`);
    }
    // A symbol with a version belongs to a system library, whose versions were looked at; node brings Node-API and threads.
    for (const { name, version, weak } of library.undefinedSymbols)
      if (version === undefined && !weak && !/^(napi|pthread)_/.test(name) && !offered.has(name)) say(`misses ${name}`);
  }
  return problems;
}
