/** Every command that the documentation shows exists, with the options that it is shown with; links lead somewhere. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Command } from '../../lib/cli/command.ts';
import { readTraining } from '../../lib/cli/config-file.ts';
import { parseData } from '../../lib/cli/data-option.ts';
import { checkRequired, globalOptions, parseOptions } from '../../lib/cli/options.ts';
import { specOfConfig } from '../../lib/cli/train-config.ts';
import { commandNames } from '../../scripts/generate-command-docs.ts';
import { brokenLinks, pages, root } from './markdown.ts';

const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

const wordsOf = (line: string): string[] =>
  [...line.matchAll(/(?:'[^']*'|"(?:\$\((?:'[^']*'|[^)'])*(?:\([^)]*\)[^)']*)*\)|[^"])*"|[^\s'"])+/g)].map(([word]) =>
    word.replace(/^(['"])(.*)\1$/, '$2'),
  );

async function checkContrastive([name = '', ...rest]: string[]): Promise<void> {
  expect(commandNames).toContain(name);
  const { command } = (await import(`../../lib/cli/${name}.ts`)) as { command: Command };
  const table = { ...command.options, ...(await command.derived?.(rest)), ...globalOptions };
  const { places, maxPositionals } = command;
  const { options } = parseOptions(rest, table, { where: name, places, maxPositionals });
  if (!options.help) checkRequired({ where: name, places }, table, options);
  if (typeof options.data === 'string' && options.data.includes(':')) parseData(options.data); // others are folders
}

/** The command where npm puts it. */
const installed = 'node_modules/.bin/contrastive';

/** A program that the project does not bring. */
const others = ['curl', 'gdb', 'cmake', 'export'];

const expectFile = (file: string | undefined): void => expect(existsSync(join(root, file ?? '')), file).toBe(true);
const afterDashes = (words: string[]): string[] => (words.includes('--') ? words.slice(words.indexOf('--') + 1) : []);

async function checkLine(line: string): Promise<void> {
  const words = wordsOf(line.replace(/^(?:[A-Z_]+=(?:\$\([^)]*\)|\S+) +)+/, ''));
  const [program, first, second] = words as [string, string?, string?];
  const rest = afterDashes(words);
  if (program === 'npm' && (first === 'start' || first === 'test')) {
    expect(scripts[first]).toBeDefined();
    if (first === 'start' && rest.length > 0) await checkContrastive(['demo', ...rest]);
    if (first === 'test') for (const file of rest.filter((word) => /^test\//.test(word))) expectFile(file);
  } else if (program === 'npm' && first === 'run') {
    expect(scripts[second ?? ''], second).toBeDefined();
    if (second === 'bench' && rest.length > 0) expectFile(`bench/${rest[0]}.ts`);
  } else if (program === 'torchrun') await checkContrastive(words.slice(words.indexOf(installed) + 1));
  else if (program === installed) await checkContrastive(words.slice(1));
  else if (program === 'npx' && first === 'contrastive') await checkContrastive(words.slice(2));
  else if (program === 'npx' && first === 'tsx') {
    expectFile(second);
    const source = read(second as string);
    for (const flag of words.filter((word) => word.startsWith('--'))) expect(source).toContain(`${flag.slice(2)}: {`);
  } else if (program === 'npx') {
    expectFile(`node_modules/.bin/${first}`);
    for (const word of words.filter((each) => /^(test|lib)\//.test(each))) expectFile(word);
  } else if (program === 'node' || program === 'bash')
    for (const word of words.filter((each) => /^(scripts|bench|node_modules|test)\//.test(each))) expectFile(word);
  else expect(others, line).toContain(program);
}

const lines = pages.flatMap(({ name, blocks }) =>
  blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.replaceAll('\\\n', ' ').split('\n'))
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => ({ name, line })),
);

describe('the commands that the pages show', () => {
  it('are seen', () => {
    expect(lines.length).toBeGreaterThan(10);
    expect(wordsOf(`a 'b c' "$(d 'e (f)' "g")" h=i`)).toEqual(['a', 'b c', `$(d 'e (f)' "g")`, 'h=i']);
  });

  it.each(lines)('$name: $line', ({ line }) => checkLine(line));
});

describe('the files of options that the pages show', () => {
  const files = pages.flatMap(({ name, blocks }) =>
    blocks
      .filter(({ language, code }) => language === 'json' && /"optimizer"/.test(code))
      .map(({ code }) => ({ name, code })),
  );
  const place = mkdtempSync(join(tmpdir(), 'docs-'));
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it.each(files)('$name: train takes it as it stands', async ({ code }) => {
    const file = join(place, 'options.json');
    writeFileSync(file, code);
    const usual = { size: 224, mean: 0.5, std: 0.25 };
    expect(specOfConfig(await readTraining(file, []), usual)).toMatchObject(JSON.parse(code) as object);
  });
  it('are seen', () => expect(files.map(({ name }) => name)).toEqual(['docs/coming-from.md']));
});

describe('the pages', () => {
  it.each(pages)('$name links to what is there', (page) => expect(brokenLinks(page)).toEqual([]));

  it('name every command', () => {
    for (const name of commandNames) expect(read('docs/command-line.md')).toContain(`| \`${name}\` |`);
  });

  it('explain every variable of ours that the code reads', () => {
    const folders = ['lib', 'native', 'scripts', 'bench'];
    const files = folders.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    );
    const code = files.filter((name) => /\.(ts|mjs|cc|h)$/.test(name)).map(read);
    const used = code.flatMap((text) => [...text.matchAll(/(?:env\.|env\['|getenv\(")(CONTRASTIVE_[A-Z_]+)/g)]);
    const prose = read('docs/libtorch.md') + read('CONTRIBUTING.md');
    expect(used.length).toBeGreaterThan(4);
    const names = new Set(used.map((match) => match[1] as string));
    expect([...names].filter((name) => !prose.includes(name))).toEqual([]);
  });
});
