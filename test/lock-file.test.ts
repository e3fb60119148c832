import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Lock, tryLock } from '../lib/lock-file.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
  file = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const held = async (): Promise<Lock> => {
  const lock = await tryLock(file);
  if (!('release' in lock)) throw new Error(`held by ${JSON.stringify(lock.owner)}`);
  return lock;
};
const ended = (child: ChildProcess) => new Promise((closed) => child.once('close', closed));
const write = (owner: object): void => writeFileSync(file, JSON.stringify({ host: hostname(), token: 'x', ...owner }));

describe('tryLock', () => {
  it('is held by one, who is named to the others, until it is released', async () => {
    const lock = await held();
    expect(await tryLock(file)).toMatchObject({ owner: { pid: process.pid, host: hostname() } });
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
    await (await held()).release();
  });

  it('goes to one of many that find a dead holder at the same time', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await ended(child);
    write({ pid: child.pid, began: null });
    const locks = await Promise.all(Array.from({ length: 20 }, () => tryLock(file)));
    expect(locks.filter((lock) => 'release' in lock)).toHaveLength(1);
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('takes over from a process that was killed while it held the lock, and while it took over', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await ended(child);
    write({ pid: child.pid, began: null });
    writeFileSync(`${file}.w`, ''); // it died just after it had removed the lock of the one before
    writeFileSync(`${file}.x`, JSON.stringify({ pid: child.pid, host: hostname(), began: null, token: 'y' }));
    await (await held()).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it.runIf(process.platform === 'linux')(
    'does not take a later process of the same number for the holder',
    async () => {
      write({ pid: process.pid, began: '1' });
      await (await held()).release();
    },
  );

  it('leaves a holder on another machine alone, and a file that is just being written', async () => {
    write({ pid: 2 ** 22 + 1, host: 'elsewhere', began: null });
    expect(await tryLock(file)).toMatchObject({ owner: { host: 'elsewhere' } });
    writeFileSync(file, '');
    expect(await tryLock(file)).toEqual({ owner: undefined });
    utimesSync(file, 1, 1); // left half-written long ago
    await (await held()).release();
  });

  it('does not release what was taken from it', async () => {
    const lock = await held();
    write({ pid: process.pid, began: null });
    await lock.release();
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ token: 'x' });
  });

  it('rejects where the file cannot be written', async () => {
    await expect(tryLock(join(folder, 'none', 'lock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
