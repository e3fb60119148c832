/** The documentation as its readers see it: pages, their code blocks, their links. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Block {
  readonly language: string;
  readonly code: string;
  /** Of the first line of code, from 1. */
  readonly line: number;
}

export interface Page {
  /** From the root. */
  readonly name: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(({ 1: language = '', 2: code = '', index }) => ({
    language,
    code,
    line: text.slice(0, index).split('\n').length + 1,
  }));
}

export function readPage(name: string): Page {
  const text = readFileSync(join(root, name), 'utf8');
  return { name, text, blocks: blocksOf(text) };
}

/** The guides; API pages are generated. */
function guides(): string[] {
  const folder = join(root, 'docs');
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'));
  return names.filter((name) => name.endsWith('.md') && !name.startsWith('api/')).map((name) => `docs/${name}`);
}

/** Pages whose TypeScript runs. */
export const taught: readonly Page[] = ['README.md', ...guides().sort()].map(readPage);
/** All pages. */
export const pages: readonly Page[] = [
  ...taught,
  ...['ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].map(readPage),
];

/** The links of a page that are relative to it, with what follows a `#`. */
export function relativeLinks({ text }: Pick<Page, 'text'>): { target: string; path: string; anchor?: string }[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '');
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map(([, a, b]) => (a ?? b) as string);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor] = target.split('#');
      return { target, path, ...(anchor !== undefined && { anchor }) };
    });
}

/** The relative links of a page that lead nowhere. */
export function brokenLinks(page: Page): string[] {
  const broken = relativeLinks(page).filter(({ path, anchor }) => {
    const file = path === '' ? join(root, page.name) : join(root, dirname(page.name), path);
    if (!existsSync(file)) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(file, 'utf8')).includes(anchor);
  });
  return broken.map(({ target }) => target);
}

/** GitHub's names of headings. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
    (match[1] as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
