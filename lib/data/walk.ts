/** Finding the image files below a folder, in an order that does not depend on the file system. */
import type { Dirent, Stats } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, extname, join, sep } from 'node:path';
import { DataError, messageOf } from '../errors.ts';
import { statOrUndefined } from './files.ts';

/** File name endings that are taken for images, lower case. */
export const kImageExtensions: readonly string[] = [
  ...['.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.gif', '.tif', '.tiff', '.avif'],
];

/** Folders that programs leave behind (archives of macOS, Synology, QNAP, Windows, Linux): what looks like images there is none. */
const kDebris = [
  ...['__macosx', '@eadir', '@recycle', '#recycle', '#snapshot', '$recycle.bin', 'system volume information'],
  ...['lost+found', '__pycache__'],
];

/** Orders img2 before img10: runs of digits by value, the rest by UTF-16 code unit. No locale, so the same everywhere. */
export function compareNatural(a: string, b: string): number {
  const partsA = a.match(/\d+|\D+/g) ?? [];
  const partsB = b.match(/\d+|\D+/g) ?? [];
  for (let i = 0; i < Math.min(partsA.length, partsB.length); i++) {
    const [x, y] = [partsA[i] as string, partsB[i] as string];
    const order = /^\d/.test(x) && /^\d/.test(y) ? compareDigits(x, y) : compareUnits(x, y);
    if (order !== 0) return order;
  }
  return partsA.length - partsB.length || compareUnits(a, b);
}

export const compareUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function compareDigits(a: string, b: string): number {
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return x.length - y.length || compareUnits(x, y);
}

export interface FolderEntries {
  /** Paths of image files, in natural order. A link that leads nowhere is among them, so that it is reported. */
  images: string[];
  /** Names of sub-folders, links to folders included, in natural order. */
  folders: string[];
  /** Paths of what is passed over: other files, and folders that programs leave behind. Hidden names are in none. */
  others: string[];
}

/** The images and sub-folders directly in `folder`; hidden names, pipes and sockets are left out. */
export async function listFolder(folder: string): Promise<FolderEntries> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw new DataError(`${folder}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const found: FolderEntries = { images: [], folders: [], others: [] };
  for (const entry of entries.sort((a, b) => compareNatural(a.name, b.name))) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    const isImage = kImageExtensions.includes(extname(entry.name).toLowerCase());
    const target: Dirent | Stats | undefined = entry.isSymbolicLink() ? await statOrUndefined(path) : entry;
    if (target?.isDirectory()) {
      if (kDebris.includes(entry.name.toLowerCase())) found.others.push(path + sep);
      else found.folders.push(entry.name);
    } else if (target === undefined || target.isFile()) {
      if (isImage) found.images.push(path);
      else if (target) found.others.push(path);
    }
  }
  return found;
}

/** What is below a folder. */
export type Walked = Pick<FolderEntries, 'images' | 'others'>;

/**
 * All files below `folder`: those directly in it, then those of each sub-folder. Links are followed, but each real folder
 * is entered once, so that a loop of links ends.
 */
export async function walkFolder(folder: string): Promise<Walked> {
  const found: Walked = { images: [], others: [] };
  await walkInto(folder, found, new Set());
  return found;
}

async function walkInto(folder: string, found: Walked, entered: Set<string>): Promise<void> {
  const stats = await statOrUndefined(folder);
  if (stats) {
    const identity = `${stats.dev}:${stats.ino}`;
    if (entered.has(identity)) return;
    entered.add(identity);
  }
  const here = await listFolder(folder);
  for (const path of here.images) found.images.push(path); // no spread: a folder may hold more than a call takes arguments
  for (const path of here.others) found.others.push(path);
  for (const name of here.folders) await walkInto(join(folder, name), found, entered);
}

/** "3 .bmp files", "2 @eaDir folders": what was passed over, by its kind, for people to read. */
export function summarise(others: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const path of others) {
    const ending = extname(path).toLowerCase();
    const kind = path.endsWith(sep) ? `${basename(path)} folder` : ending ? `${ending} file` : 'file without an ending';
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(
    ([kind, count]) => `${count} ${count === 1 ? kind : kind.replace(/(file|folder)( without an ending)?$/, '$1s$2')}`,
  );
}
