import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readPage, root } from '../docs/markdown.ts';

it('docs/troubleshooting.md has every error code once, and none that does not exist', () => {
  const declared = /ErrorCode =([\s\S]*?);/.exec(readFileSync(join(root, 'lib/errors.ts'), 'utf8'))?.[1] ?? '';
  const codes = [...declared.matchAll(/^\s*\| '(ERR_\w+)'/gm)].map((match) => match[1] as string);
  expect(codes.length).toBeGreaterThan(10);
  const { text } = readPage('docs/troubleshooting.md');
  const headings = [...text.matchAll(/^## `(ERR_\w+)`$/gm)].map((match) => match[1] as string);
  // The command's own, for what is no ContrastiveError.
  expect(headings.sort()).toEqual([...codes, 'ERR_INTERNAL'].sort());
});
