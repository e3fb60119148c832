/** A folder of image files as a data set: a class a sub-folder, or without labels. */
import { join } from 'node:path';
import { DataError, messageOf } from '../errors.ts';
import { checkIndex, type Dataset } from './dataset.ts';
import { type DecodedImage, decodeImage, type ImageFileOptions, resolveImageFile } from './decode.ts';
import { expectFolder } from './files.ts';
import type { Split } from './idx.ts';
import { compareUnits, kImageExtensions, listFolder, walkImages } from './walk.ts';

export interface FolderOptions extends ImageFileOptions {
  root: string;
  split: Split;
  /** 'classes': each sub-folder is a class. 'flat': every image below the folder, no labels. 'auto' (default): by what is there. */
  layout?: 'auto' | 'classes' | 'flat';
  /** Shorter side that images are scaled down to while decoding, in pixels; never enlarges. Default: as stored. */
  size?: number;
  /** 3: sRGB (default). 1: gray. */
  channels?: 1 | 3;
  /** 'throw' (default): a file that cannot be decoded rejects when it is read. 'skip': all are decoded once at loading, bad ones left out. */
  onError?: 'throw' | 'skip';
  /** Keeps this many images, evenly spaced over the order, so that every class stays. */
  limit?: number;
}

export interface SkippedFile {
  file: string;
  reason: string;
}

export interface FolderDataset extends Dataset {
  /** Paths, in the order of the samples. */
  readonly files: readonly string[];
  /** Files that `onError: 'skip'` left out. */
  readonly skipped: readonly SkippedFile[];
}

interface Item {
  file: string;
  label?: number;
}

const kTestFolders = ['test', 'val', 'valid', 'validation'];

/**
 * Where a split's images are, and the folders whose sub-folders name the classes. A root whose sub-folders are `train`
 * and perhaps `test` or `val` is split; classes are then those of both, so that a class that one lacks keeps labels aligned.
 */
async function resolveSplit(root: string, split: Split): Promise<{ folder: string; classRoots: string[] }> {
  const { folders } = await listFolder(root);
  const tests = kTestFolders.filter((name) => folders.includes(name));
  const isSplit = folders.includes('train') && folders.length === 1 + tests.length;
  if (!isSplit && split === 'train') return { folder: root, classRoots: [root] };
  const name = split === 'train' ? 'train' : tests[0];
  if (!isSplit || name === undefined)
    throw new DataError(`folder: '${root}' has no split 'test': expected sub-folders 'train' and 'test' (or 'val')`);
  return { folder: join(root, name), classRoots: ['train', ...tests.slice(0, 1)].map((part) => join(root, part)) };
}

async function listItems(
  folder: string,
  classRoots: readonly string[],
  layout: 'auto' | 'classes' | 'flat',
): Promise<{ items: Item[]; classes?: string[] }> {
  const here = await listFolder(folder);
  if (layout === 'flat') return { items: (await walkImages(folder)).map((file) => ({ file })) };
  const names = (await Promise.all(classRoots.map(listFolder))).flatMap(({ folders }) => folders);
  const classes = [...new Set(names)].sort(compareUnits); // as torchvision's ImageFolder numbers them
  const items: Item[] = [];
  for (const [label, name] of classes.entries())
    if (here.folders.includes(name))
      items.push(...(await walkImages(join(folder, name))).map((file) => ({ file, label })));
  if (layout === 'classes') return { items, classes };
  if (items.length === 0) return { items: here.images.map((file) => ({ file })) };
  if (here.images.length > 0)
    throw new DataError(
      `folder: '${folder}' has images both in sub-folders and beside them ('${here.images[0]}'); ` +
        "choose layout: 'classes' (a class a sub-folder) or 'flat' (all, no labels)",
    );
  return { items, classes };
}

function thin(items: Item[], limit: number | undefined): Item[] {
  if (limit === undefined || limit >= items.length) return items;
  return Array.from({ length: limit }, (_, i) => items[Math.floor((i * items.length) / limit)] as Item);
}

/** Decodes every file once, a few at a time, and parts the good from the bad. */
async function checkFiles(
  items: readonly Item[],
  read: (item: Item) => Promise<DecodedImage>,
): Promise<{ good: Item[]; skipped: SkippedFile[] }> {
  const reasons = new Map<Item, string>();
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest)
      await read(item).catch((error: unknown) => {
        reasons.set(item, messageOf(error));
      });
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return {
    good: items.filter((item) => !reasons.has(item)),
    skipped: items.flatMap((item) => (reasons.has(item) ? [{ file: item.file, reason: reasons.get(item) ?? '' }] : [])),
  };
}

/**
 * Images below a folder, decoded when they are read (see decodeImage). Files come in natural order (img2 before img10),
 * classes are the sorted names of the sub-folders, sample ids count over the files that were found, before any limit
 * or skip. Links are followed, loops of links end.
 *
 * @throws {DataError} no such folder, no images, no such split, or a layout that is not clear.
 */
export async function folderDataset(options: FolderOptions): Promise<FolderDataset> {
  const { root, split, layout = 'auto', size, channels = 3, onError = 'throw', limit } = options;
  const decoding = {
    ...resolveImageFile(options),
    channels,
    priority: 'bulk',
    ...(size !== undefined && { size }),
  } as const;
  await expectFolder('folder', root);
  const { folder, classRoots } = await resolveSplit(root, split);
  const { items, classes } = await listItems(folder, classRoots, layout);
  if (items.length === 0)
    throw new DataError(`folder: the data set is empty: no ${kImageExtensions.join(', ')} files below '${folder}'`);
  const ids = new Map(items.map((item, id) => [item, id]));
  const read = (item: Item): Promise<DecodedImage> => decodeImage(item.file, decoding);
  const kept = thin(items, limit);
  const { good, skipped } = onError === 'skip' ? await checkFiles(kept, read) : { good: kept, skipped: [] };
  if (good.length === 0)
    throw new DataError(`folder: the data set is empty: none of ${kept.length} files in '${folder}' can be decoded`);
  return {
    name: 'folder',
    length: good.length,
    source: skipped.length === 0 ? folder : `${folder} (${skipped.length} unreadable files skipped)`,
    ...(classes && { classes, labels: good.map(({ label }) => label as number) }),
    files: good.map(({ file }) => file),
    skipped,
    async get(index) {
      checkIndex('folder', index, good.length);
      const item = good[index] as Item;
      const id = ids.get(item) as number;
      return { ...(await read(item)), ...(item.label !== undefined && { label: item.label }), id };
    },
  };
}
