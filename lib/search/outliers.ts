/** Images that are like no other, by the cosine of their features. */

import { ShapeError } from '../errors.ts';
import { checkProgress, type ProgressOptions, progressNames } from '../evaluate/in-turn.ts';
import { nearestInUnit } from '../evaluate/knn.ts';
import { checkOptions, expectNumber } from '../validate.ts';
import type { FeatureIndex } from './feature-index.ts';
import type { IndexedFile } from './index-file.ts';

export interface OutlierOptions extends ProgressOptions {
  /** Neighbours that an image is held against; fewer where the index has fewer. Default 5. */
  readonly k?: number;
}

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
  checkOptions('findOutliers', options, ['k', ...progressNames]);
  checkProgress(options);
  const asked = expectNumber('k', options.k ?? 5, { min: 1, integer: true });
  if (index.length < 2) throw new ShapeError('outliers need an index of two rows or more, got one');
  const k = Math.min(asked, index.length - 1);
  const { signal, onProgress } = options;
  const { similarities } = await nearestInUnit(index.features, index.features, {
    k,
    excludeSelf: true,
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
