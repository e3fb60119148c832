import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Output } from '../../lib/cli/output.ts';
import { RecordWriter } from '../../lib/cli/records.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'records-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const silent = new Output(false, { stdout: { write: () => {} }, stderr: { write: () => {} } });

it('quotes what CSV needs to be quoted, and leaves nothing empty cells', async () => {
  const file = join(folder, 'a.csv');
  const writer = new RecordWriter(['path', 'value'], file, silent);
  writer.write({ path: 'a, "b"\n.png', value: null });
  writer.write({ path: 'é.png', value: 0.5 });
  await writer.close();
  expect(await readFile(file, 'utf8')).toBe('path,value\n"a, ""b""\n.png",\né.png,0.5\n');
});

it('refuses a file that cannot be written', async () => {
  const writer = new RecordWriter(['path'], join(folder, 'a.csv', 'b.csv'), silent);
  await expect(writer.close()).rejects.toMatchObject({ code: 'ERR_DATA' });
});
