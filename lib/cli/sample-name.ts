/** What to call a sample of a data set. */
import { basename, relative, sep } from 'node:path';
import type { Dataset } from '../data/dataset.ts';

/** Of a file: relative to the folder of the data, with slashes. Else what it is of, and its number: "mnist 12". */
export function sampleName({ name, files, source }: Dataset, index: number): string {
  const file = files?.[index];
  if (file === undefined) return `${name} ${index}`;
  return source === undefined ? basename(file) : relative(source, file).split(sep).join('/');
}
