/** `contrastive augment`: a contact sheet of the views that a training makes, so that a person sees what the network will see. */

import type { DrawnTransform } from '../augment/augment.ts';
import { kImageExtensions } from '../data/walk.ts';
import { ShapeError } from '../errors.ts';
import { countOption } from '../options/kinds.ts';
import { throwIfAborted } from '../validate.ts';
import { defineCommand, inGroup, type OptionTable } from './command.ts';
import { type ContactSheet, type Picture, renderSheet } from './contact-sheet.ts';
import { describeDrawn, legendOf } from './drawn-caption.ts';
import { flag } from './flag.ts';
import { counted } from './format.ts';
import { skippedText } from './image-files.ts';
import { placeFor, writeOutput } from './output-file.ts';
import { type SheetImage, sheetImages } from './sheet-images.ts';
import { type SheetTraining, sheetTraining } from './sheet-training.ts';
import { type Column, columnsOf, drawColumn } from './sheet-views.ts';
import { partFlags, trainOptions } from './train-options.ts';
import { isNearlyEmpty, pictureOfView } from './view-picture.ts';

const { data, out: _, resume: __, ...ofTraining } = trainOptions;

const options = {
  data: { ...data, help: `${data.help}; or one image; or a run, as --run` },
  run: { type: 'string', value: 'RUN', help: 'show the views of this run, of its images' },
  out: { type: 'string', short: 'o', value: 'FILE', default: 'views.png', help: 'where to write, a name in .png' },
  samples: flag({ ...countOption, max: 32 }, { default: 6, help: 'rows: images shown' }),
  views: flag(
    { ...countOption, max: 32 },
    {
      help: 'columns: views of each image, one epoch after the other',
      usual: '8, or as many as a training makes',
    },
  ),
  ...inGroup('As in train', ofTraining),
} as const satisfies OptionTable;

export const command = defineCommand({
  name: 'augment',
  summary: 'draw the views that a training makes of your images as a contact sheet',
  places: ['data'],
  help: `
Writes a PNG with a row for each image: the image as training decodes it, then its views as the encoder gets them, with the normalisation taken back so that they can be seen. Under each view stands what was drawn for it. Look at it before a long training: are crops still recognisable, is the colour of what you want to tell apart still there? Views in which hardly anything is to be seen are marked.

It takes what train takes: with the word train replaced by augment, a command line shows what that training will see, view by view and epoch by epoch. A run in the place of the data shows what that run has seen; --run RUN beside data shows its views of other images. With --augment, here as in train, the views are those of a JSON file: what JSON.stringify(augment([…])) gives, a list of transforms, or a list of such pipelines, one a view.

--samples images are taken, spread evenly over the data (${kImageExtensions.join(', ')} in folders). One that cannot be decoded is left out with a warning.

With --json, one object: out, width, height, seed, augment (the pipeline of each view of a training), columns (epoch and view of each, from 0), samples (name, height, width, id, and for each column the drawn numbers, which Augmentation.replay() takes), nearlyEmpty (how many views are), skipped.`,
  examples: [
    { run: 'contrastive augment photos --size 96', explains: 'What `contrastive train photos --size 96` will see.' },
    {
      run: 'contrastive augment cat.jpg --preset byol --size 128 --out byol.png',
      explains: "One image, BYOL's two views, which are not drawn alike.",
    },
    { run: 'contrastive augment runs/photos --views 16', explains: 'The views of a run, of 8 epochs.' },
    {
      run: 'contrastive augment photos --augment pipeline.json --samples 4 --views 6 --out mine.png',
      explains: 'A pipeline of your own.',
    },
  ],
  options,
  derived: partFlags,
  async run({ options: typed, given, signal, output }) {
    const { run, augment: pipeline } = typed;
    const out = await placeFor(typed.out, '--out', '.png');
    const training = await sheetTraining({
      options: { ...typed, out: undefined, resume: undefined },
      ...{ given, run, pipeline, signal, output },
    });
    const { dataset, seed, views } = training;
    const { images, skipped } = await sheetImages(dataset, typed.samples, { signal, output });
    const columns = columnsOf(views, typed.views);
    const rows: Row[] = [];
    for (const image of images) {
      throwIfAborted(signal);
      rows.push(await rowOf(image, columns, seed));
    }
    const nearlyEmpty = rows.flatMap(({ pictures }) => pictures).filter(({ mark }) => mark !== undefined).length;
    const { png, width, height } = await renderSheet(sheetOf(training, columns, rows));
    throwIfAborted(signal);
    await writeOutput(out, png);
    const empty = nearlyEmpty === 0 ? '' : `; ${nearlyEmpty} nearly empty, which are marked`;
    output.print(
      `${counted(rows.length, 'image')}, ${counted(columns.length, 'view')} each, ${width} × ${height} pixels${skippedText(skipped)}${empty}\n${out}`,
    );
    const samples = rows.map(({ image: { name, sample }, drawn }) => ({
      ...{ name, height: sample.height, width: sample.width, id: sample.id },
      views: drawn,
    }));
    const places = columns.map(({ epoch, view }) => ({ epoch, view }));
    output.emit({ out, width, height, seed, augment: views, columns: places, samples, nearlyEmpty, skipped });
  },
});

interface Row {
  readonly image: SheetImage;
  /** A list for each column. */
  readonly drawn: readonly DrawnTransform[][];
  /** The image, then a picture for each column. */
  readonly pictures: readonly Picture[];
}

async function rowOf(image: SheetImage, columns: readonly Column[], seed: number): Promise<Row> {
  const { name, sample } = image;
  const { pixels, height, width, channels } = sample;
  const own =
    channels === 3
      ? pixels
      : Uint8Array.from({ length: 3 * height * width }, (_, i) => pixels[Math.floor(i / 3)] as number);
  const drawn: DrawnTransform[][] = [];
  const pictures: Picture[] = [{ pixels: own, height, width, caption: [name, `${width}×${height}`] }];
  for (const column of columns) {
    try {
      const numbers = drawColumn(column, sample, seed);
      const view = await pictureOfView(column.augmentation, sample, numbers);
      const caption = describeDrawn(column.augmentation.transforms, numbers);
      drawn.push(numbers);
      pictures.push({ ...view, caption, ...(isNearlyEmpty(view.pixels) && { mark: 'nearly empty' }) });
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      throw new ShapeError(`${name}: ${error.message}`, { cause: error });
    }
  }
  return { image, drawn, pictures };
}

function sheetOf(
  { title, views, seed, isSampled }: SheetTraining,
  columns: readonly Column[],
  rows: readonly Row[],
): ContactSheet {
  const [first] = views as [SheetTraining['views'][number]];
  const isOne = views.every((view) => JSON.stringify(view) === JSON.stringify(first));
  const kinds = isOne ? first.transforms.map(({ kind }) => kind).join(' → ') : 'one pipeline a view';
  const applied = rows.flatMap(({ drawn }) => drawn.flat()).filter((entry) => entry.applied);
  const round = isSampled ? 'step' : 'epoch';
  const headings = columns.map(({ epoch, view }) =>
    [...(views.length === 1 ? [] : [`view ${view + 1}`]), `${round} ${epoch + 1}`].join(', '),
  );
  return {
    title,
    subtitle: `seed ${seed}; ${kinds}`,
    legend: legendOf(new Set(applied.map(({ kind }) => kind))),
    headings: ['image', ...headings],
    rows: rows.map(({ pictures }) => pictures),
  };
}
