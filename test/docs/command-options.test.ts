/** By itself, since losses that another test registers have options of their own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { commandOptionsPage } from '../../scripts/generate-command-docs.ts';
import { root } from './markdown.ts';

it('the page of options is what the help of every command says: npm run docs:commands', async () => {
  expect(readFileSync(join(root, 'docs/command-options.md'), 'utf8')).toBe(await commandOptionsPage());
});
