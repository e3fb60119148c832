/** Every TypeScript snippet of the README and the guides is type-checked as it stands, and run with small sizes. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { format } from 'node:util';
import type { FastifyInstance } from 'fastify';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { type Block, root, taught } from './markdown.ts';

/** In the checkout, so that packages resolve. */
const folder = join(root, 'build/test-docs');
/** A file that the pages speak of, with weights that nobody trained. */
const downloaded = 'resnet18-f37072fd.pth';
beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  using encoder = resnet18();
  await encoder.save(join(folder, downloaded));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const isTypeScript = ({ language }: Block): boolean => language === 'ts';
const snippets = taught.flatMap(({ name, blocks }) =>
  blocks.filter(isTypeScript).map((block) => ({ title: `${name}:${block.line}`, page: name, ...block })),
);
const fileOf = (title: string, kind: string): string => join(folder, `${title.replace(/\W+/g, '-')}.${kind}.ts`);

/** Small enough for a test; a snippet that listens is asked instead. */
const smaller = (code: string): string =>
  code
    .replace(/\blimit: [\d_]+/g, 'limit: 96')
    .replace(/\bepochs: \d+/g, 'epochs: 1')
    .replace(/\bbatchSize: (?:256|128)\b/g, 'batchSize: 32')
    .replace(/^await app\.listen\(.*\);$/m, 'export { app };');

/** What a snippet says that a console.log prints: the comment behind it, or on the next line. */
const promisedOutput = (code: string): string[] =>
  [...code.matchAll(/console\.log\(.*\);\n? *\/\/ (.*)$/gm)].map((match) => match[1] as string);

it('there are snippets', () => expect(snippets.length).toBeGreaterThanOrEqual(5));

it('snippets have the types that they need', { timeout: 180_000 }, () => {
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  const files = snippets.map(({ title, code }) => {
    const file = fileOf(title, 'checked');
    writeFileSync(file, code);
    return file;
  });
  // Names that a reader of the page need not use are no error.
  const program = ts.createProgram(files, { ...options, noUnusedLocals: false, noUnusedParameters: false });
  const problems = ts
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => file === undefined || files.includes(file.fileName))
    .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
  expect(problems).toEqual([]);
});

describe.each(taught.filter(({ blocks }) => blocks.some(isTypeScript)))('$name, from top to bottom', ({ name }) => {
  const start = process.cwd();
  const place = mkdtempSync(join(tmpdir(), 'docs-'));
  beforeAll(() => {
    process.chdir(place);
    symlinkSync(join(folder, downloaded), downloaded);
    for (const file of ['cat.jpg', 'photos/cats/1.jpg', 'photos/dogs/1.jpg']) {
      mkdirSync(dirname(file), { recursive: true });
      copyFileSync(join(root, 'test/fixtures/data/images/rgb.jpg'), file);
    }
  });
  afterAll(() => {
    process.chdir(start);
    rmSync(place, { recursive: true, force: true });
  });

  it.each(snippets.filter(({ page }) => page === name))('$title runs', async ({ title, code }) => {
    const file = fileOf(title, 'run');
    writeFileSync(file, smaller(code));
    const printed: string[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation((...values) => void printed.push(format(...values)));
    onTestFinished(() => log.mockRestore());
    const { app } = (await import(file)) as { app?: FastifyInstance };
    if (app !== undefined) await askServer(app);
    for (const expected of promisedOutput(code)) expect(printed.join('\n').replace(/\s+/g, ' ')).toContain(expected);
  });
});

async function askServer(app: FastifyInstance): Promise<void> {
  const payload = readFileSync(join(root, 'test/fixtures/data/images/rgb.png'));
  const response = await app.inject({
    method: 'POST',
    url: '/embed',
    payload,
    headers: { 'content-type': 'image/png' },
  });
  expect(response.statusCode).toBe(200);
  const { embedding } = response.json() as { embedding: number[] };
  expect(Math.hypot(...embedding)).toBeCloseTo(1, 4);
  for (const bad of [Buffer.from('no image'), Buffer.alloc(0), undefined]) {
    const headers = { 'content-type': bad === undefined ? undefined : 'image/png' };
    const { statusCode } = await app.inject({ method: 'POST', url: '/embed', ...(bad && { payload: bad }), headers });
    expect(statusCode, String(bad)).toBe(400);
  }
  await app.close();
}
