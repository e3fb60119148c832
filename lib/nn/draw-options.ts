/** Where a layer's initial values come from. */
import { instanceOf } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { Generator } from '../tensor/generator.ts';

export const drawOptions = {
  /** What the initial values are drawn from. Default: the one that `manualSeed()` seeds. */
  generator: { type: 'checked', check: instanceOf<Generator>(Generator, 'a Generator') },
} as const satisfies OptionTable;

export interface DrawOptions extends OptionsOf<typeof drawOptions> {}
