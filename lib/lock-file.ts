/** A lock that one process holds at a time, as a file that names its holder. The death of the holder releases it. */
import { randomUUID } from 'node:crypto';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

export interface LockOwner {
  readonly pid: number;
  readonly host: string;
  /** When the process began, where the system says so: a process id is used again after its process has ended. */
  readonly began: string | null;
  /** Of this holding of the lock. */
  readonly token: string;
}

export interface Lock {
  release(): Promise<void>;
}

/** Linux: ticks since the machine's start; null for a process that has ended. Elsewhere null, and the process id alone decides. */
async function beganAt(pid: number): Promise<string | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' '); // from the third on; the name before may hold anything
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

const isOwner = (value: Partial<LockOwner> | null): value is LockOwner =>
  Number.isSafeInteger(value?.pid) && typeof value?.host === 'string' && typeof value.token === 'string';

async function readOwner(file: string): Promise<LockOwner | undefined> {
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as Partial<LockOwner> | null;
    return isOwner(value) ? value : undefined;
  } catch {
    return undefined; // gone, or its owner is just writing it
  }
}

/** Whether the holder is gone: no such process on this machine, a later one of its number, or a file left half-written. */
async function isStale(file: string, owner: LockOwner | undefined): Promise<boolean> {
  if (owner === undefined) {
    const made = await stat(file).catch(() => undefined);
    return made !== undefined && Date.now() - made.mtimeMs > 10_000;
  }
  if (owner.host !== hostname()) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true;
  }
  return owner.began !== null && owner.began !== (await beganAt(owner.pid));
}

/** Makes the file, with its holder inside. @returns false when it is there. */
async function make(file: string, token: string): Promise<boolean> {
  const owner: LockOwner = { pid: process.pid, host: hostname(), began: await beganAt(process.pid), token };
  try {
    await writeFile(file, JSON.stringify(owner), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes the file of a holder that is gone. Two that see the same dead holder could remove the lock that the faster of
 * them has made by then; so only who holds a second lock, named after the dead one's token, may remove it.
 */
async function removeStale(file: string, owner: LockOwner | undefined): Promise<boolean> {
  const claim = await tryLock(`${file}.${owner?.token ?? 'unreadable'}`);
  if ('owner' in claim) return false; // another process is at it
  try {
    const now = await readOwner(file);
    if (now?.token === owner?.token && (await isStale(file, now))) await rm(file, { force: true });
    return true;
  } finally {
    await claim.release();
  }
}

/** What was left by processes that died while they took over. They concern earlier holders, of whom none can come back. */
async function removeClaims(file: string): Promise<void> {
  const claims = (await readdir(dirname(file))).filter((name) => name.startsWith(`${basename(file)}.`));
  for (const name of claims) await rm(join(dirname(file), name), { force: true });
}

/** Whether somebody holds the lock, without taking it. */
export async function isHeld(file: string): Promise<boolean> {
  const isThere = (await stat(file).catch(() => undefined)) !== undefined;
  return isThere && !(await isStale(file, await readOwner(file)));
}

/**
 * Takes the lock, or says who has it (undefined: one that is just taking it). Its folder must exist.
 * Rejects with the file system's own error where the file cannot be written.
 */
export async function tryLock(file: string): Promise<Lock | { readonly owner: LockOwner | undefined }> {
  const token = randomUUID();
  while (!(await make(file, token))) {
    const owner = await readOwner(file);
    if (!(await isStale(file, owner)) || !(await removeStale(file, owner))) return { owner };
  }
  await removeClaims(file);
  return {
    async release() {
      if ((await readOwner(file))?.token === token) await rm(file, { force: true });
    },
  };
}
