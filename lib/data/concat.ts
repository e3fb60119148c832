/** Data sets one behind the other. */
import { DataError } from '../errors.ts';
import { describe } from '../validate.ts';
import { checkDataset, checkIndex, type Dataset, withoutId } from './dataset.ts';

/**
 * Several data sets as one. Classes are matched by name: its classes are all names, in the order in which they come up, and
 * labels are those of the names. When no data set names its classes, labels stay as they are; when some do and some do not,
 * nothing says which are the same, and all labels are left out. So are ids that samples state: those of two sources would
 * meet, and a loss would take strangers for one image.
 *
 * @throws {DataError} no data sets, or one that is none.
 * @example
 * const everything = concat([await loadDataset('folder', { root: 'photos' }), await loadDataset('folder', { root: 'scans' })]);
 */
export function concat(datasets: readonly Dataset[]): Dataset {
  if (!Array.isArray(datasets) || datasets.length === 0)
    throw new DataError(`datasets must be an array of at least one data set, got ${describe(datasets)}`);
  const parts = (datasets as readonly Dataset[]).map(checkDataset);
  const ends: number[] = [];
  for (const part of parts) ends.push((ends.at(-1) ?? 0) + part.length);
  const length = ends.at(-1) as number;
  const named = parts.filter(({ classes }) => classes !== undefined);
  const classes = named.length === parts.length ? [...new Set(parts.flatMap((part) => part.classes ?? []))] : undefined;
  /** From the labels of each data set to those of the whole. */
  const maps = parts.map((part) => classes && part.classes?.map((name) => classes.indexOf(name)));
  const keepsLabels = named.length === 0 || classes !== undefined;
  const mapped = (part: number, label: number): number => maps[part]?.[label] ?? label;
  const hasLabels = keepsLabels && parts.every(({ labels }) => labels !== undefined);
  const name = [...new Set(parts.map((part) => part.name))].join(' + ');
  const sources = parts.flatMap(({ source }) => source ?? []);
  const leftOut = parts.flatMap((part) => part.leftOut ?? []);
  return {
    name,
    length,
    ...(classes && { classes }),
    ...(hasLabels && {
      labels: parts.flatMap(({ labels }, part) =>
        Array.from(labels as ArrayLike<number>, (label) => mapped(part, label)),
      ),
    }),
    ...(sources.length > 0 && { source: sources.join(' and ') }),
    ...(leftOut.length > 0 && { leftOut }),
    async get(index) {
      checkIndex(name, index, length);
      const part = ends.findIndex((end) => index < end);
      const dataset = parts[part] as Dataset;
      const { label, ...image } = await withoutId(dataset.get(index - ((ends[part] as number) - dataset.length)));
      return keepsLabels && label !== undefined ? { ...image, label: mapped(part, label) } : image;
    },
  };
}
