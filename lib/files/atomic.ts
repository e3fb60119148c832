/** Writes that a crash leaves either done or not begun: beside the target, flushed to the disk, then renamed. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Names of unfinished writes; what a crash leaves behind may be deleted. */
export const isTemporary = (name: string): boolean => /^\..+\.tmp-[0-9a-f-]{36}$/.test(name);

export const temporaryBeside = (path: string): string => join(dirname(path), `.${basename(path)}.tmp-${randomUUID()}`);

async function writeSynced(path: string, data: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a rename in `folder` durable. Windows cannot open folders and flushes their entries itself. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes or replaces one file. Its folder must exist. Rejects with the file system's own error, the old file intact. */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await writeSynced(temporary, data);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Writes a folder of files so that all are there or none. A folder that is there already is moved aside just before
 * and deleted after; a crash between the two leaves it under its temporary name.
 *
 * @param files contents by file name (no sub-folders).
 */
export async function writeFolderAtomic(
  path: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  const temporary = temporaryBeside(path);
  const old = temporaryBeside(path);
  try {
    await mkdir(temporary);
    for (const [name, data] of Object.entries(files)) await writeSynced(join(temporary, name), data);
    await syncFolder(temporary);
    await rename(path, old).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    try {
      await rename(temporary, path);
    } catch (error) {
      await rename(old, path).catch(() => {}); // there may have been none; the first error is the one to hear
      throw error;
    }
    await syncFolder(dirname(path));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  await rm(old, { recursive: true, force: true });
}
