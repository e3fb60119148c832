/** The tables in the docs are those of the declarations. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { presetVariants } from '../../lib/augment/presets.ts';
import { dclwOptions } from '../../lib/losses/dcl.ts';
import { supConOptions } from '../../lib/losses/sup-con.ts';
import { optionsOfMethod } from '../../lib/methods/all.ts';
import * as nn from '../../lib/nn/index.ts';
import type { OptionTable } from '../../lib/options/option.ts';
import { optionRows } from '../../lib/options/table.ts';
import { fitOptions } from '../../lib/train/fit-options.ts';
import { trainerOptions } from '../../lib/train/options.ts';

const { sigma, weightGradient } = dclwOptions;

const methods = ['moco', 'moco-v3', 'nnclr', 'byol', 'simsiam', 'barlow-twins', 'vicreg', 'swav', 'dino'];

const tables: readonly (readonly [page: string, name: string, declared: OptionTable])[] = [
  ['losses.md', 'supConLoss', supConOptions],
  ['losses.md', 'dclwLoss', { sigma, weightGradient }],
  ['training.md', 'Trainer', trainerOptions],
  ['training.md', 'fit', fitOptions],
  ['augmentation.md', 'presets.simclr', presetVariants.simclr],
  ['augmentation.md', 'presets.swav', presetVariants.swav],
  ...methods.map((name) => ['methods.md', name, optionsOfMethod(name) as OptionTable] as const),
];

/** Between `<!-- NAME -->` and the end of the table. */
function tableIn(page: string, name: string): string {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const [, after = ''] = text.split(`<!-- ${name} -->\n\n`);
  return after.split('\n\n')[0] ?? '';
}

it.each(tables)('%s: options of %s', (page, name, declared) => {
  expect(tableIn(page, `options of ${name}`)).toBe(optionRows(declared));
});

it('modules.md: the layers are those of nn', () => {
  const named = [...tableIn('modules.md', 'layers of nn').matchAll(/`(\w+)`/g)].map(([, name]) => name);
  const layers = Object.entries(nn).filter(
    ([, value]) => typeof value === 'function' && value.prototype instanceof nn.Module,
  );
  expect(named.sort()).toEqual(layers.map(([name]) => name).sort());
});
