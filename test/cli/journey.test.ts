/** From an empty folder and 60 photos to a page, a search, a classifier and a service: the commands as the README types them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPage } from '../docs/markdown.ts';
import { drawPhotos } from './drawn-photos.ts';
import { nodeArguments, type Ran, runMain } from './run-cli.ts';

const home = process.cwd();
const damaged = fileURLToPath(new URL('../fixtures/data/images/truncated.jpg', import.meta.url));
/** What makes a training short. */
const small = ['--size', '16', '--width', '4', '--epochs', '4', '--precision', 'fp32', '--batch-size', '24'];
let folder: string;
let service: ChildProcess | undefined;

const [, section = ''] = readPage('README.md').text.split('## From a folder of photos');
const [commands = ''] = section.split('\n## ');
const typed = [...commands.matchAll(/^npx contrastive (.*)$/gm)].map(([, line = '']) => line.split(' '));

/** The README's words of a command. */
function wordsOf(name: string): string[] {
  const words = typed.find(([first]) => first === name);
  if (words === undefined) throw new Error(`the README does not type '${name}'`);
  return words;
}

function run(...words: string[]): Ran {
  const { status, stdout, stderr } = runMain(words);
  return { code: status ?? -1, stdout, stderr };
}

/** Four classes of 15, and among them what cameras and phones leave behind. */
async function takePhotos(): Promise<void> {
  await drawPhotos('photos', {});
  await rename('photos/rose', 'photos/rosé');
  const [rose, tulip] = ['photos/rosé', 'photos/tulip'];
  await sharp(`${rose}/0.png`).withMetadata({ orientation: 6 }).jpeg().toFile(`${rose}/turned.jpg`);
  await sharp(`${rose}/1.png`).ensureAlpha(0.5).png().toFile(`${rose}/clear.png`);
  await sharp(`${tulip}/0.png`).grayscale().png().toFile(`${tulip}/gray.png`);
  await sharp(`${tulip}/1.png`).resize(4000, 3000, { fit: 'fill' }).jpeg().toFile(`${tulip}/large.jpg`);
  for (const name of [`${rose}/0.png`, `${rose}/1.png`, `${tulip}/0.png`, `${tulip}/1.png`]) await rm(name);
  await mkdir('photos/daisy/summer trip');
  await rename('photos/daisy/2.png', 'photos/daisy/summer trip/2.png');
  await copyFile('photos/iris/3.png', 'cat.jpg');
  await rm('photos/iris/14.png');
  await copyFile(damaged, 'photos/iris/broken.jpg');
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journey-'));
  process.chdir(folder);
  await takePhotos();
});
afterAll(async () => {
  service?.kill('SIGKILL');
  process.chdir(home);
  await rm(folder, { recursive: true, force: true });
});

// Each test starts the program anew, some several times, which takes a busy machine long.
describe('a folder of photos', { timeout: 180_000 }, () => {
  it('is what a training takes; a damaged file is named before anything begins', async () => {
    const refused = run(...wordsOf('train'));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/broken\.jpg.*--skip-damaged/s);
    await expect(stat('runs')).rejects.toThrow('ENOENT');

    const trained = run(...wordsOf('train'), ...small, '--skip-damaged');
    expect(trained).toMatchObject({ code: 0 });
    expect(trained.stdout).toContain('4 classes (daisy 12, iris 11, rosé 12, tulip 12)');
    expect(trained.stdout).toMatch(/put aside to judge on/);
    expect(trained.stdout).toContain('runs/photos-supcon-1');
  });

  it('comes to a page about the run', async () => {
    expect(run(...wordsOf('report'))).toMatchObject({ code: 0 });
    const page = await readFile('runs/photos-supcon-1/report.html', 'utf8');
    expect(page).toContain('rosé');
    expect(page).not.toMatch(/\b(?:src|href)="https?:/); // loads nothing
  });

  it('is searched by an image; the page names the most alike', async () => {
    const found = run(...wordsOf('search'));
    expect(found).toMatchObject({ code: 0 });
    expect(found.stdout).toContain('\n1.0000  photos/iris/3.png\n');
    expect(await readFile('like-my-cat.html', 'utf8')).toContain('iris/3.png');
  });

  it('becomes features, in the order of the names beside them', async () => {
    expect(run(...wordsOf('embed'))).toMatchObject({ code: 0, stderr: expect.stringContaining('broken.jpg') });
    const { names, dim } = JSON.parse(await readFile('features.json', 'utf8'));
    expect([names.length, dim]).toEqual([59, 32]);
    expect(names).toContain('daisy/summer trip/2.png');
    expect((await stat('features.npy')).size).toBe(128 + 4 * 59 * 32);
  });

  it('names the classes of its images, by a classifier', () => {
    // That a file is damaged, the run knows.
    expect(run(...wordsOf('fine-tune'), '--epochs', '2')).toMatchObject({ code: 0 });
    const { code, stdout, stderr } = run(...wordsOf('predict'));
    expect(code).toBe(0);
    expect(stderr).toContain('broken.jpg');
    const [head, ...rows] = stdout.trim().split('\n');
    expect(head).toBe('path,class,confidence,runnerUp,runnerUpConfidence');
    expect(rows).toHaveLength(59);
  });

  it('is served: vectors, and neighbours by number', async () => {
    const words = [...wordsOf('serve'), '--port', '0', '--threads', '1'];
    service = spawn(process.execPath, [...nodeArguments, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    let url: string | undefined;
    for await (const line of createInterface({ input: service.stdout as NodeJS.ReadableStream })) {
      url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (url !== undefined) break;
    }
    const body = new Uint8Array(await readFile('cat.jpg'));
    const headers = { 'content-type': 'image/png' };
    const embedded = await fetch(`${url}/embed`, { method: 'POST', body, headers });
    expect(((await embedded.json()) as { embedding: number[] }).embedding).toHaveLength(32);
    const found = await fetch(`${url}/search`, { method: 'POST', body, headers });
    expect(JSON.stringify(await found.json())).toContain('iris/3.png');
    expect(await (await fetch(`${url}/search`)).text()).toContain('<html');
    const closed = once(service, 'exit');
    service.kill('SIGTERM');
    expect(await closed).toEqual([0, null]);
  });
});
