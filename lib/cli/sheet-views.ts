/** The columns of a contact sheet: the views that a training makes of an image, one epoch after the other. */
import type { Augmentation, DrawnTransform } from '../augment/augment.ts';
import type { LoadedSample } from '../data/dataset.ts';

export interface Column {
  readonly augmentation: Augmentation;
  /** From 0. With a sampler it is the step, in which a training has each image's views anew. */
  readonly epoch: number;
  /** Its place among the views of a training, from 0. */
  readonly view: number;
}

/** @param views those of a training. @param count default 8, or one a view. */
export const columnsOf = (views: readonly Augmentation[], count = Math.max(8, views.length)): Column[] =>
  Array.from({ length: count }, (_, column) => {
    const view = column % views.length;
    return { augmentation: views[view] as Augmentation, epoch: Math.floor(column / views.length), view };
  });

/** What a training of that seed draws for the sample. */
export const drawColumn = (
  { augmentation, epoch, view }: Column,
  sample: LoadedSample,
  seed: number,
): DrawnTransform[] => augmentation.draw(sample, { seed, epoch, id: sample.id, view });
