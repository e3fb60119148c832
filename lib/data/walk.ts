/** Finding the image files below a folder, in an order that does not depend on the file system. */
import type { Dirent, Stats } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { DataError, messageOf } from '../errors.ts';
import { statOrUndefined } from './files.ts';

/** File name endings that are taken for images, lower case. */
export const kImageExtensions: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff', '.avif'];

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
}

/** The images and sub-folders directly in `folder`; hidden names, other files, pipes and sockets are left out. */
export async function listFolder(folder: string): Promise<FolderEntries> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw new DataError(`${folder}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const images: string[] = [];
  const folders: string[] = [];
  for (const entry of entries.sort((a, b) => compareNatural(a.name, b.name))) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    const isImage = kImageExtensions.includes(extname(entry.name).toLowerCase());
    const target: Dirent | Stats | undefined = entry.isSymbolicLink() ? await statOrUndefined(path) : entry;
    if (target?.isDirectory()) folders.push(entry.name);
    else if (isImage && (target === undefined || target.isFile())) images.push(path);
  }
  return { images, folders };
}

/**
 * All image files below `folder`: those directly in it, then those of each sub-folder. Links are followed, but each
 * real folder is entered once, so that a loop of links ends.
 */
export async function walkImages(folder: string, entered = new Set<string>()): Promise<string[]> {
  const stats = await statOrUndefined(folder);
  if (stats) {
    const identity = `${stats.dev}:${stats.ino}`;
    if (entered.has(identity)) return [];
    entered.add(identity);
  }
  const { images, folders } = await listFolder(folder);
  for (const name of folders) images.push(...(await walkImages(join(folder, name), entered)));
  return images;
}
