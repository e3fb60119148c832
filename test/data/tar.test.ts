/**
 * Archives: those of GNU tar in each of its formats, and hostile ones, which are refused with a typed error. `CONTRASTIVE_FUZZ=100000` tries as many
 * damaged ones.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TarReader } from '../../lib/data/tar.ts';
import { readIndex } from '../../lib/data/tar-samples.ts';
import { DataError } from '../../lib/errors.ts';
import { archive, type Entry, end, entry, inBytes, pax } from './tar-archive.ts';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tar-'));
  file = join(folder, 'a.tar');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const membersOf = (path: string): Promise<[name: string, content: string][]> =>
  TarReader.read(path, async (reader) => {
    const found: [string, string][] = [];
    for await (const member of reader.members())
      found.push([member.name, Buffer.from(await reader.content(member, 1e6)).toString()]);
    return found;
  });

async function readOf(bytes: Uint8Array) {
  await writeFile(file, bytes);
  return membersOf(file);
}

const dataError = (message: RegExp) => ({ code: 'ERR_DATA', message: expect.stringMatching(message) });

describe('an archive of GNU tar', () => {
  const long = `${'deep/'.repeat(30)}é-${'x'.repeat(150)}.jpg`;
  const files = new Map([
    ['a.jpg', 'one'],
    ['a.cls', ''],
    ['b/c.d.png', 'z'.repeat(20_000)],
    [long, 'y'.repeat(512)],
  ]);
  beforeAll(async () => {
    for (const [name, content] of files) {
      await mkdir(dirname(join(folder, 'of', name)), { recursive: true });
      await writeFile(join(folder, 'of', name), content);
    }
  });

  it.each(['gnu', 'pax', 'oldgnu', 'posix'])('of the format %s is read', async (format) => {
    const names = [...files.keys()];
    execFileSync('tar', ['-cf', file, `--format=${format}`, '-C', join(folder, 'of'), 'b', ...names]);
    const found = await membersOf(file); // the folder b comes with what is in it, and b/c.d.png once more, as a link
    expect(found).toEqual([['b/c.d.png', files.get('b/c.d.png')], ...[...files].filter(([name]) => name[0] !== 'b')]);
  });

  it('of the format ustar, with a name that has a prefix', async () => {
    const name = `${'p'.repeat(120)}/a.jpg`;
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), 'one');
    execFileSync('tar', ['-cf', file, '--format=ustar', '-C', folder, name]);
    expect(await membersOf(file)).toEqual([[name, 'one']]);
  });

  it('with holes in a file is refused', async () => {
    execFileSync('truncate', ['-s', '1M', join(folder, 'hollow')]);
    for (const format of ['gnu', 'pax']) {
      execFileSync('tar', ['-cSf', file, `--format=${format}`, '-C', folder, 'hollow']);
      await expect(membersOf(file)).rejects.toMatchObject(dataError(/files with holes in them are not supported/));
    }
  });
});

describe('an archive', () => {
  it.each<[string, readonly Entry[], readonly [string, string][]]>([
    ['without members', [], []],
    [
      'of links, devices and folders, whose size says nothing',
      [...'123456'].map((type) => ({ name: 'l', type, size: '00000000777\0' })),
      [],
    ],
    [
      'of what is not known, which is passed over',
      [
        { name: 'v', type: 'V', content: 'x' },
        { name: 'a', content: 'b' },
      ],
      [['a', 'b']],
    ],
    [
      'of old and of contiguous files',
      [
        { name: 'a', type: '\0', content: '1' },
        { name: 'b', type: '7' },
      ],
      [
        ['a', '1'],
        ['b', ''],
      ],
    ],
    ['with a size in bytes', [{ name: 'a', content: 'abc', size: inBytes(3n) }], [['a', 'abc']]],
    [
      'with a size in an extended header',
      [
        { name: 'x', type: 'x', content: pax('size', '3') },
        { name: 'a', content: 'abc', size: '00000000000\0' },
      ],
      [['a', 'abc']],
    ],
    [
      'with a comment for all',
      [
        { name: 'g', type: 'g', content: pax('comment', 'path=b') },
        { name: 'a', content: '1' },
      ],
      [['a', '1']],
    ],
    [
      'with names that lead elsewhere, which are names',
      [{ name: '../../etc/passwd' }, { name: '/a' }],
      [
        ['../../etc/passwd', ''],
        ['/a', ''],
      ],
    ],
  ])('%s', async (_, entries, expected) => expect(await readOf(archive(...entries))).toEqual(expected));

  const one: Entry = { name: 'a', content: 'abc' };
  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', Buffer.alloc(0), /byte 0: the archive is cut off/],
    ['one without its end', entry(one), /byte 1024: the archive is cut off: two blocks of zeros must end it/],
    [
      'one that ends in a member',
      entry(one).subarray(0, 514),
      /byte 0: 3 bytes are announced, and the archive is cut off/,
    ],
    [
      'one that ends in a header',
      Buffer.concat([entry(one), entry(one).subarray(0, 100)]),
      /byte 1024: the archive is cut off/,
    ],
    ['a wrong sum', archive({ ...one, wrongBy: 1 }), /byte 0: this is no header of a tar archive/],
    ['another kind of file', Buffer.from('x'.repeat(2000)), /byte 0: this is no header of a tar archive/],
    ['an archive of the seventies', archive({ ...one, magic: '\0\0\0\0\0\0\0\0' }), /this is no header/],
    ['a compressed one', gzipSync(archive(one)), /byte 0: the archive is compressed \(gzip\)/],
    ['a size beyond the file', archive({ ...one, size: '77777777777\0' }), /8589934591 bytes are announced/],
    ['a size below 0', archive({ ...one, size: new Uint8Array(12).fill(0xff) }), /the size of a member is no number/],
    ['a size that no number holds', archive({ ...one, size: inBytes(2n ** 60n) }), /the size of a member is no number/],
    ['a size that is a word', archive({ ...one, size: '8\0' }), /the size of a member is no number/],
    [
      'a name of a gigabyte',
      archive({ name: 'l', type: 'L', content: 'x', size: '07777777777\0' }),
      /bytes are announced/,
    ],
    [
      'a name of two megabytes',
      archive({ name: 'l', type: 'L', content: 'x'.repeat(2 ** 21) }, one),
      /an extended header of 2097152 bytes is too large/,
    ],
    ['a name of no member', archive({ name: 'l', type: 'L', content: 'long' }), /an extended header is of no member/],
    ['a name for all', archive({ name: 'g', type: 'g', content: pax('path', 'b') }, one), /of all members names one/],
    [
      'a damaged extended header',
      archive({ name: 'x', type: 'x', content: '8 path=b\n' }, one),
      /an extended header is damaged/,
    ],
    [
      'an extended header of other things',
      archive({ name: 'x', type: 'x', content: 'path' }, one),
      /an extended header is damaged/,
    ],
    [
      'an extended size that is a word',
      archive({ name: 'x', type: 'x', content: pax('size', '-1') }, one),
      /the size of a member is no number/,
    ],
  ])('%s is refused', async (_, bytes, message) => {
    await expect(readOf(bytes)).rejects.toMatchObject(dataError(message));
  });

  it('is a file', async () => {
    await expect(membersOf(folder)).rejects.toMatchObject(dataError(/cannot be read: it is not a regular file/));
    await expect(membersOf(join(folder, 'none'))).rejects.toMatchObject(dataError(/none: cannot be read/));
  });
});

describe('damaged archives', () => {
  const count = Number(process.env.CONTRASTIVE_FUZZ ?? 200);
  const whole = archive(
    { name: 'a.jpg', content: 'x'.repeat(700) },
    { name: 'a.cls', content: '3' },
    { name: 'x', type: 'x', content: pax('path', 'b.jpg') + pax('size', '3') },
    { name: 'b', content: 'abc' },
    { name: 'l', type: 'L', content: 'c.json\0' },
    { name: 'c', content: '{"label":1}', size: inBytes(11n) },
  );

  /** A linear congruential generator, Knuth's MMIX; from 0 up to n - 1. */
  let state = BigInt(process.env.CONTRASTIVE_FUZZ_SEED ?? 1);
  const random = (n: number): number => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
    return Number((state >> 33n) % BigInt(n));
  };

  /** Other bytes, with the right sum again in half of them; or cut off. */
  function damaged(): Buffer {
    const bytes = Buffer.from(whole);
    for (let i = random(4); i >= 0; i--) {
      const header = 512 * random(whole.length / 512);
      const at = header + [random(512), 124 + random(12), 156, 345 + random(8)][random(4)]!;
      bytes[at] = [random(256), 0x30 + random(8), 0, 0xff, 0x20][random(5)]!;
      if (random(2) === 0) {
        bytes.fill(0x20, header + 148, header + 156);
        const sum = bytes.subarray(header, header + 512).reduce((all, byte) => all + byte, 0);
        bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, header + 148);
      }
    }
    return random(4) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
  }

  it(
    'are read or refused',
    async () => {
      let refused = 0;
      for (let i = 0; i < count; i++) {
        await writeFile(file, damaged());
        try {
          const { samples } = await readIndex(file);
          for (const { offset, size } of samples) expect(offset + size).toBeLessThanOrEqual(whole.length);
        } catch (error) {
          if (!(error instanceof DataError)) throw error;
          refused++;
        }
      }
      expect(refused).toBeGreaterThan(count / 10);
      expect(refused).toBeLessThan(count);
    },
    60_000 + count * 50,
  );

  it('end where they end', () => expect(whole.subarray(-1024).equals(end)).toBe(true));
});
