/** Which sub-folders of an image folder are splits, whatever they are called, and which are classes. */
import { join } from 'node:path';
import { DataError } from '../errors.ts';
import { type FolderEntries, listFolder, walkFolder } from './walk.ts';

/** Of image folders. 'test': the folder called so, else the one called `val`. */
export type FolderSplit = 'train' | 'val' | 'test';

export type FolderLayout = 'auto' | 'classes' | 'flat';

const kWords: readonly (readonly [FolderSplit, string])[] = [
  ['train', 'train|training|train[ _-]?val'],
  ['val', 'val|valid|validation|dev|development'],
  ['test', 'test|testing|eval|evaluation'],
];

/** 'train', 'Training Set', 'val2017', 'seg_test': what stands before the word, and a year or a number behind it. */
const kRoles = kWords.map(
  ([role, words]) => [role, new RegExp(`^(.*[ _-])?(?:${words})(?:[ _-]?(?:set|data|images|\\d+))?$`, 'i')] as const,
);

/**
 * The splits among the names of folders. What something else stands before is one where it does before another split too: 'seg_train'
 * beside 'seg_test', not a 'steam train' beside a 'bus'.
 */
function rolesIn(names: readonly string[]): Map<string, FolderSplit> {
  const found = names.flatMap((name) => {
    const [role, pattern] = kRoles.find(([, pattern]) => pattern.test(name)) ?? [];
    return role && pattern ? [{ name, role, before: pattern.exec(name)?.[1] }] : [];
  });
  const isSplit = ({ role, before }: (typeof found)[number]): boolean =>
    before === undefined || found.some((other) => other.before === before && other.role !== role);
  return new Map(found.filter(isSplit).map(({ name, role }) => [name, role]));
}

/** A folder without the split that was asked for, which is no fault of the folder. */
export class MissingSplitError extends DataError {}

export interface ResolvedSplit {
  /** Where the split's images are. */
  folder: string;
  /** The folders whose sub-folders name the classes: all splits, so that a class that one of them lacks keeps labels aligned. */
  classRoots: string[];
  /** Files beside the splits. */
  beside: string[];
}

/**
 * Where a split's images are below `root`. When all sub-folders with images are called as splits are (train, Training,
 * val2017, dev, seg_test, …), they are the splits; else they are classes, and all is 'train'. A root that holds nothing but one
 * folder of splits stands for it.
 *
 * @throws {MissingSplitError} no such split. @throws {DataError} names of which it cannot be said whether they mean splits or classes.
 */
export async function resolveSplit(root: string, split: FolderSplit, layout: FolderLayout): Promise<ResolvedSplit> {
  const here = await listFolder(root);
  const { images, folders, others } = here;
  const roleOf = rolesIn(folders);
  const named = [...roleOf.keys()];
  const classLike = folders.filter((name) => !roleOf.has(name));
  if (named.length === 0) return resolveClasses(root, split, here, layout);
  const roles = new Map([...roleOf].map(([name, role]) => [role, name]));
  const withImages = await firstWithImages(root, classLike);
  if (withImages !== undefined) {
    // One name of a split among others is a class: a train among buses.
    if (roles.size === 1 || layout !== 'auto') return resolveClasses(root, split, here, layout);
    throw new DataError(
      `folder: '${root}' has splits (${named.join(', ')}) and, beside them, '${withImages}' with images; ` +
        "move it away, name a split's folder as the root, or choose layout: 'classes' (every sub-folder is a class)",
    );
  }
  const isClear = roles.size === named.length;
  if (layout === 'flat' && split === 'train' && !(isClear && roles.has('train'))) return whole(root);
  if (!isClear)
    throw new DataError(
      `folder: '${root}' has several folders for one split: expected one each of train, val and test, got ${named.join(', ')}`,
    );
  const name = roles.get(split) ?? (split === 'test' ? roles.get('val') : undefined);
  if (name === undefined) throw noSplit(root, split, `it has ${named.join(', ')}`);
  return {
    folder: join(root, name),
    classRoots: named.map((part) => join(root, part)),
    beside: [...others, ...images],
  };
}

async function resolveClasses(
  root: string,
  split: FolderSplit,
  { images, folders }: FolderEntries,
  layout: FolderLayout,
): Promise<ResolvedSplit> {
  const inner = await Promise.all(folders.map((name) => listFolder(join(root, name))));
  const parts = inner.map((entries) => [...new Set(rolesIn(entries.folders).values())]);
  if (folders.length === 1 && images.length === 0 && parts[0]?.includes('train'))
    return resolveSplit(join(root, folders[0] as string), split, layout);
  const mixed = parts.findIndex((roles) => roles.length > 1);
  if (mixed !== -1 && layout === 'auto')
    throw new DataError(
      `folder: '${join(root, folders[mixed] as string)}' holds splits (${parts[mixed]?.join(', ')}) inside a class; expected ` +
        "splits outside and classes inside (train/cats), or choose layout: 'classes' or 'flat' to take all of it for training",
    );
  if (split !== 'train') throw noSplit(root, split, 'it has none');
  return whole(root);
}

const whole = (root: string): ResolvedSplit => ({ folder: root, classRoots: [root], beside: [] });

const noSplit = (root: string, split: FolderSplit, found: string): MissingSplitError =>
  new MissingSplitError(
    `folder: '${root}' has no split '${split}': expected sub-folders 'train' and 'test' (or 'val'); ${found}`,
  );

async function firstWithImages(root: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) if ((await walkFolder(join(root, name))).images.length > 0) return name;
  return undefined;
}
