/** Images that are like no other, by the cosine of their features. */

import { ShapeError } from '../errors.ts';
import { progressOptions } from '../evaluate/in-turn.ts';
import { nearestInUnit } from '../evaluate/knn.ts';
import { countOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { throwIfAborted } from '../validate.ts';
import { expectIndex, type FeatureIndex } from './feature-index.ts';
import type { IndexedFile } from './index-file.ts';

const declared = {
  /** Neighbours that an image is held against; fewer where the index has fewer. Default 5. */
  k: { ...countOption, default: 5 },
  ...progressOptions,
} as const satisfies OptionTable;

export interface OutlierOptions extends OptionsOf<typeof declared> {}

export interface Outlier {
  /** Row of the index. */
  readonly number: number;
  readonly name: string;
  /** Mean cosine with its k nearest neighbours: low for what is like no other. */
  readonly cosine: number;
}

/**
 * All images, the least like its nearest neighbours first. Progress counts images.
 *
 * Source: the mean distance to the k nearest neighbours as a score of outliers, Angiulli and Pizzuti 2002, "Fast outlier
 * detection in high dimensional spaces"; here by cosine.
 * @throws {ShapeError} an index of one row. @throws {AbortError} the signal fired.
 * @example
 * const strange = (await findOutliers(index)).slice(0, 20);
 */
export async function findOutliers(index: FeatureIndex, options: OutlierOptions = {}): Promise<Outlier[]> {
  const { k: asked, signal, onProgress } = resolveOptions('findOutliers', declared, options);
  throwIfAborted(signal);
  if (expectIndex(index).length < 2) throw new ShapeError('outliers need an index of two rows or more, got one');
  const k = Math.min(asked, index.length - 1);
  const { similarities } = await nearestInUnit(index.features, index.features, {
    k,
    excludeSelf: true,
    distributed: false,
    signal,
    onProgress,
  });
  return similarities
    .map((cosines, number) => ({
      number,
      name: (index.files[number] as IndexedFile).name,
      cosine: cosines.reduce((sum, cosine) => sum + cosine, 0) / k,
    }))
    .sort((a, b) => a.cosine - b.cosine || a.number - b.number);
}
