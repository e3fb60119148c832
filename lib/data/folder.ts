/** A folder of image files as a data set: a class a sub-folder, or without labels. */
import { join, relative, sep } from 'node:path';
import { DataError, messageOf, OptionError } from '../errors.ts';
import { functionOption } from '../options/kinds.ts';
import type { OptionTable, ResolvedOf } from '../options/option.ts';
import { asGiven } from '../options/resolve.ts';
import { describe } from '../validate.ts';
import { findDamaged, thin } from './chosen-images.ts';
import { checkIndex, type Dataset } from './dataset.ts';
import { type DecodedImage, decodeImage, imageFileOptions } from './decode.ts';
import { expectFolder } from './files.ts';
import { type FolderLayout, type ResolvedSplit, resolveSplit } from './folder-splits.ts';
import { datasetOptions, defineDataset, rootOption } from './registry.ts';
import { compareUnits, kImageExtensions, listFolder, summarise, walkFolder } from './walk.ts';

function oneOrThree(name: string, value: 1 | 3): 1 | 3 {
  if (value === 1 || value === 3) return value;
  throw new OptionError(`${name} must be 1 or 3, got ${describe(value)}`);
}

export const folderOptions = {
  root: rootOption,
  /** Default 'train'. 'val' is the folder `val`; 'test' is `test`, else `val`. */
  split: { type: 'string', choices: ['train', 'val', 'test'], default: 'train' },
  /** Keeps this many images, evenly spaced over the order, so that every class stays. */
  limit: datasetOptions.limit,
  /** 'classes': each sub-folder is a class. 'flat': every image below the folder, no labels. 'auto' (default): by what is there. */
  layout: { type: 'string', choices: ['auto', 'classes', 'flat'], default: 'auto' },
  /** Shorter side that images are scaled down to while decoding, in pixels; never enlarges. Default: as stored. */
  size: { type: 'number', min: 1, integer: true },
  /** 3: sRGB (default). 1: gray. */
  channels: { type: 'checked', default: 3, check: oneOrThree },
  /** 'throw' (default): a file that cannot be decoded rejects when it is read. 'skip': all are decoded once at loading, bad ones left out. */
  onError: { type: 'string', choices: ['throw', 'skip'], default: 'throw' },
  /** Ends the reading of `onError: 'skip'`. */
  signal: { type: 'checked', check: asGiven<AbortSignal> },
  /** Hears of that reading: how many files are done, of how many. */
  onProgress: functionOption<(done: number, total: number) => void>(),
  ...imageFileOptions,
} as const satisfies OptionTable;

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

/** Of damaged files, in a text. */
const kMostNamed = 3;

interface Item {
  file: string;
  label?: number;
}

interface Listing {
  items: Item[];
  classes?: string[];
  /** What was found and not taken, for people to read. */
  leftOut: string[];
}

/** The files of each class, by its name in one Unicode form: systems disagree on how an é is written. */
async function listClasses(folder: string): Promise<{ classes: Map<string, string[]>; others: string[] }> {
  const { folders, others } = await listFolder(folder);
  const classes = new Map<string, string[]>();
  for (const name of folders) {
    const below = await walkFolder(join(folder, name));
    for (const path of below.others) others.push(path);
    const key = name.normalize();
    classes.set(key, [...(classes.get(key) ?? []), ...below.images]);
  }
  return { classes, others };
}

async function listItems({ folder, classRoots, beside }: ResolvedSplit, layout: FolderLayout): Promise<Listing> {
  if (layout === 'flat') {
    const { images, others } = await walkFolder(folder);
    return { items: images.map((file) => ({ file })), leftOut: summarise([...beside, ...others]) };
  }
  const here = await listFolder(folder);
  const all = await Promise.all(classRoots.map(listClasses));
  const own = all[classRoots.indexOf(folder)] as (typeof all)[number];
  const names = new Set(all.flatMap(({ classes }) => [...classes.keys()]));
  const isEmpty = (name: string): boolean => all.every(({ classes }) => (classes.get(name) ?? []).length === 0);
  const classes = [...names].filter((name) => !isEmpty(name)).sort(compareUnits); // as torchvision's ImageFolder numbers them
  const items = classes.flatMap((name, label) => (own.classes.get(name) ?? []).map((file) => ({ file, label })));
  const empty = [...names].filter(isEmpty).map((name) => `'${name}' without images`);
  const leftOut = [...summarise([...beside, ...own.others]), ...empty];
  if (layout === 'auto' && items.length === 0) return { items: here.images.map((file) => ({ file })), leftOut };
  if (here.images.length === 0) return { items, classes, leftOut };
  if (layout === 'classes') return { items, classes, leftOut: [...leftOut, ...summarise(here.images)] };
  throw new DataError(
    `folder: '${folder}' has images both in sub-folders and beside them ('${here.images[0]}'); ` +
      "move them into a sub-folder, or choose layout: 'classes' (a class a sub-folder) or 'flat' (all, no labels)",
  );
}

/** "4 damaged files (a/1.jpg, a/2.jpg, b/3.jpg, …)" */
function damagedText(folder: string, skipped: readonly SkippedFile[]): string {
  const names = skipped.slice(0, kMostNamed).map(({ file }) => relative(folder, file).split(sep).join('/'));
  const more = skipped.length > kMostNamed ? ', …' : '';
  return `${skipped.length} damaged ${skipped.length === 1 ? 'file' : 'files'} (${names.join(', ')}${more})`;
}

/**
 * Images below a folder, decoded when they are read (see decodeImage). Files come in natural order (img2 before img10),
 * classes are the sorted names of the sub-folders that hold images. Links are followed, loops of links end. Other files,
 * empty folders and what programs leave behind (__MACOSX, @eaDir) are counted in `leftOut`.
 *
 * @throws {DataError} no such folder, no images, no such split, or a layout that is not clear.
 * @throws {AbortError} the signal fired.
 */
export async function folderDataset(options: ResolvedOf<typeof folderOptions>): Promise<FolderDataset> {
  const { root, split, layout, size, channels, onError, limit, maxPixels, background } = options;
  const decoding = {
    ...{ maxPixels, background },
    channels,
    priority: 'bulk',
    ...(size !== undefined && { size }),
  } as const;
  await expectFolder('folder', root);
  const resolved = await resolveSplit(root, split, layout);
  const { folder } = resolved;
  const { items, classes, leftOut } = await listItems(resolved, layout);
  if (items.length === 0)
    throw new DataError(
      `folder: the data set is empty: no ${kImageExtensions.join(', ')} files below '${folder}', found ${leftOut.join(', ') || 'nothing'}`,
    );
  const read = (item: Item): Promise<DecodedImage> => decodeImage(item.file, decoding);
  const kept = thin(items, limit);
  const damaged = onError === 'skip' ? await findDamaged(kept, read, options) : new Map<Item, string>();
  const good = kept.filter((item) => !damaged.has(item));
  const skipped = kept.flatMap((item) => {
    const reason = damaged.get(item);
    return reason === undefined ? [] : [{ file: item.file, reason }];
  });
  if (good.length === 0)
    throw new DataError(
      `folder: the data set is empty: none of ${kept.length} files in '${folder}' can be decoded: ${skipped[0]?.reason}`,
    );
  if (skipped.length > 0) leftOut.push(damagedText(folder, skipped));
  return {
    name: 'folder',
    length: good.length,
    source: folder,
    ...(leftOut.length > 0 && { leftOut }),
    ...(classes && { classes, labels: good.map(({ label }) => label as number) }),
    files: good.map(({ file }) => file),
    skipped,
    async get(index) {
      checkIndex('folder', index, good.length);
      const item = good[index] as Item;
      const image = await read(item).catch((error: unknown) => {
        const message = messageOf(error);
        if (!message.startsWith(item.file)) throw error; // of no file: sharp is missing
        throw new DataError(`${message}; onError: 'skip' (--skip-damaged) leaves such files out`, { cause: error });
      });
      return { ...image, ...(item.label !== undefined && { label: item.label }) };
    },
  };
}

/** The figures are ImageNet's, as torchvision quotes them. */
export const folder = defineDataset({
  name: 'folder',
  input: { size: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  help: [
    [
      'folder:DIR',
      'JPEG, PNG, WebP, GIF, TIFF and AVIF files, a class a sub-folder; DIR/train and DIR/test (or DIR/val), if they are there, are the splits, by these names or like ones. Without sub-folders there are no labels, which is enough for simclr',
    ],
  ],
  options: folderOptions,
  load: folderDataset,
});
