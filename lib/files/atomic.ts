/** Writes that a crash leaves either done or not begun: beside the target, flushed to the disk, then renamed. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Names of unfinished writes; what a crash leaves behind may be deleted. */
export const isTemporary = (name: string): boolean => /^\..+\.tmp-[0-9a-f-]{36}$/.test(name);

/** Deletes what interrupted writes left in a folder that nobody else writes to. */
export async function removeTemporaries(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (isTemporary(name)) await rm(join(folder, name), { recursive: true, force: true });
}

const kDay = 86_400_000;

/** Deletes what interrupted writes of `path` left beside it. What was written to within a day may be another process's work. */
export async function removeOldTemporaries(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    for (const name of await readdir(folder)) {
      if (!isTemporary(name) || name.slice(0, -36) !== `.${basename(path)}.tmp-`) continue;
      const file = join(folder, name);
      if (Date.now() - (await stat(file)).mtimeMs > kDay) await rm(file, { force: true });
    }
  } catch {} // a folder that cannot be listed, a file that is gone by now, or another user's: the write itself will tell
}

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

/** A file that is written piece by piece beside `path`; `path` itself changes at `publish()` only. */
export class ReplacementFile {
  readonly path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  #open = true;

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  /** Rejects with the file system's error where the folder cannot be written. */
  static async create(path: string): Promise<ReplacementFile> {
    await removeOldTemporaries(path);
    const temporary = temporaryBeside(path);
    return new ReplacementFile(path, temporary, await open(temporary, 'wx'));
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#file.writeFile(bytes);
  }

  /** Writes `head` over the first bytes, and flushes to the disk; what remains for `publish()` is a rename. */
  async finish(head: Uint8Array): Promise<void> {
    for (let at = 0; at < head.length; ) at += (await this.#file.write(head, at, head.length - at, at)).bytesWritten;
    await this.#file.sync();
    await this.#close();
  }

  /** After `finish()`: puts the file in its place, over what was there. */
  async publish(): Promise<void> {
    await rename(this.#temporary, this.path);
    await syncFolder(dirname(this.path));
  }

  /** Deletes what is not published; harmless afterwards. */
  async discard(): Promise<void> {
    await this.#close();
    await rm(this.#temporary, { force: true });
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#file.close();
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
