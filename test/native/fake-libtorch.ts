/** Folders that look like a libtorch, and zips made member by member: for tests of the search and of the installer. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';

export const library = (stem: string): string =>
  process.platform === 'darwin' ? `lib${stem}.dylib` : process.platform === 'win32' ? `${stem}.dll` : `lib${stem}.so`;

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'contrastive-libtorch-'));
}

export function writeTree(root: string, files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

/** A folder with empty libraries; `version` goes into version.py, as in a wheel. */
export function fakeLibtorch(root: string, { version = '2.13.0+cpu', headers = true } = {}): string {
  return writeTree(root, {
    [`lib/${library('c10')}`]: '',
    [`lib/${library('torch_cpu')}`]: '',
    [`lib/${library('torch')}`]: '',
    'version.py': `__version__ = '${version}'\n`,
    ...(headers && { 'include/ATen/ATen.h': '' }),
  });
}

export interface Member {
  readonly name: string;
  readonly text?: string;
  /** Unix mode with file type; 0o100644 when left out. */
  readonly mode?: number;
}

/** A zip with stored (uncompressed) members, whatever their names. Layout: PKWARE APPNOTE 4.3. */
export function makeZip(members: readonly Member[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const { name, text = '', mode = 0o100644 } of members) {
    const data = Buffer.from(text);
    const file = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt32LE(crc32(data), 14);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(file.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE((3 << 8) | 20, 4); // made on Unix
    central.writeUInt16LE(20, 6);
    local.copy(central, 16, 14, 28);
    central.writeUInt32LE((mode << 16) >>> 0, 38);
    central.writeUInt32LE(offset, 42);
    locals.push(local, file, data);
    centrals.push(central, file);
    offset += local.length + file.length + data.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

export const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
