/** What to call runs beside each other. */
import { basename, dirname, join } from 'node:path';

/** The names of their folders, with those above them where names repeat. */
export function namesOf(runs: readonly { readonly path: string }[]): string[] {
  const paths = runs.map(({ path }) => path);
  const ends = (depth: number): string[] =>
    paths.map((path) => {
      let [name, rest] = [basename(path), dirname(path)];
      for (let i = 1; i < depth; i++) [name, rest] = [join(basename(rest), name), dirname(rest)];
      return name;
    });
  for (let depth = 1; depth < 4; depth++) if (new Set(ends(depth)).size === paths.length) return ends(depth);
  return new Set(paths).size === paths.length ? paths : paths.map((path, i) => `${path} (${i + 1})`);
}
