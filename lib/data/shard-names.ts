/** Which files make a data set of shards: those of a folder, of a pattern, and of one split. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DataError, messageOf, OptionError } from '../errors.ts';
import { statOrUndefined } from './files.ts';
import { type FolderSplit, MissingSplitError } from './folder-splits.ts';
import { compareNatural } from './walk.ts';

const kMostShards = 1_000_000;

/**
 * The texts that a pattern with braces stands for, as a shell has it: `{0000..0009}` are numbers, with as many digits, `{a,b}` are these.
 * @throws {OptionError} numbers that fall, or more texts than a million.
 */
export function expandBraces(pattern: string): string[] {
  const found = /^(.*?)\{(\d+\.\.\d+|[^{}]*,[^{}]*)\}(.*)$/s.exec(pattern);
  if (found === null) return [pattern];
  const [, before, inner, after] = found as unknown as [string, string, string, string];
  const ends = expandBraces(after);
  const alternatives = inner.includes('..') && !inner.includes(',') ? numbersIn(inner, pattern) : inner.split(',');
  if (alternatives.length * ends.length > kMostShards)
    throw new OptionError(`'${pattern}' stands for more than ${kMostShards} files`);
  return alternatives.flatMap((each) => ends.map((end) => `${before}${each}${end}`));
}

function numbersIn(range: string, pattern: string): string[] {
  const [first, last] = range.split('..') as [string, string];
  const [from, count] = [Number(first), Number(last) - Number(first) + 1];
  if (count < 1) throw new OptionError(`'${pattern}': the numbers of {${range}} must rise`);
  if (!(count <= kMostShards)) throw new OptionError(`'${pattern}' stands for more than ${kMostShards} files`);
  const digits = /^0\d|^\d+\.\.0\d/.test(range) ? Math.max(first.length, last.length) : 0;
  return Array.from({ length: count }, (_, i) => String(from + i).padStart(digits, '0'));
}

/** 'imagenet-train-0001.tar', 'imagenet1k-validation-00.tar' */
const kRoles: readonly (readonly [FolderSplit, RegExp])[] = [
  ['train', /(^|[-_.])train(ing)?([-_.\d])/i],
  ['val', /(^|[-_.])val(id|idation)?([-_.\d])/i],
  ['test', /(^|[-_.])test(ing)?([-_.\d])/i],
];

export const splitOfShard = (path: string): FolderSplit | undefined =>
  kRoles.find(([, pattern]) => pattern.test(basename(path)))?.[0];

/**
 * The archives that `root` names, in natural order: those of a folder, or those that a pattern with braces, `*` and `?` stands for. Where their names
 * say of which split they are, those of `split` ('test' is 'val' where there is none); else all are 'train'.
 * @throws {DataError} none is there. @throws {MissingSplitError} none of that split.
 */
export async function shardsAt(root: string, split: FolderSplit): Promise<{ shards: string[]; others: string[] }> {
  const all = await filesAt(root);
  const splits = new Set(all.map(splitOfShard));
  const asked = split === 'test' && !splits.has('test') ? 'val' : split;
  const isNamed = splits.size > 1 || !splits.has(undefined);
  const isTaken = (path: string): boolean => (isNamed ? splitOfShard(path) === asked : split === 'train');
  const shards = all.filter(isTaken);
  if (shards.length === 0) throw new MissingSplitError(`tar: '${root}' has no archives of the split '${split}'`);
  return { shards, others: isNamed ? all.filter((path) => splitOfShard(path) === undefined) : [] };
}

async function filesAt(root: string): Promise<string[]> {
  const stats = await statOrUndefined(root);
  if (stats?.isDirectory()) return matching(join(root, '*.tar'));
  if (stats !== undefined) return [root];
  const files: string[] = [];
  for (const pattern of expandBraces(root))
    if (/[*?]/.test(pattern)) files.push(...(await matching(pattern)));
    else if ((await statOrUndefined(pattern))?.isFile()) files.push(pattern);
    else throw new DataError(`tar: there is no file '${pattern}'`);
  return files;
}

async function matching(pattern: string): Promise<string[]> {
  const [folder, name] = [dirname(pattern), basename(pattern)];
  if (/[*?]/.test(folder)) throw new OptionError(`tar: '${pattern}': * and ? may stand in the name of files only`);
  const names = await readdir(folder).catch((error: unknown) => {
    throw new DataError(`tar: '${folder}' cannot be read: ${messageOf(error)}`, { cause: error });
  });
  const source = name
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '[^]*')
    .replaceAll('?', '[^]');
  const found = names.filter((each) => !each.startsWith('.') && new RegExp(`^${source}$`).test(each));
  if (found.length === 0) throw new DataError(`tar: there are no files '${pattern}'`);
  return found.sort(compareNatural).map((each) => join(folder, each));
}
