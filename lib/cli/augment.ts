/** `contrastive augment`: a contact sheet of augmented views, so that a person sees what the network sees. */
import { basename, dirname, resolve } from 'node:path';
import type { Augmentation, DrawnTransform } from '../augment/augment.ts';
import { presetVariants, presetViews } from '../augment/presets.ts';
import { statOrUndefined } from '../data/files.ts';
import { kImageExtensions } from '../data/walk.ts';
import { DataError, messageOf, OptionError, ShapeError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import { throwIfAborted } from '../validate.ts';
import { defineCommand } from './command.ts';
import { type ContactSheet, type Picture, renderSheet } from './contact-sheet.ts';
import { describeDrawn, jitterLegend } from './drawn-caption.ts';
import { flagsOfVariants, optionsFrom, refuseOthers } from './flags.ts';
import { readSources, type Source } from './sheet-images.ts';
import { namesOfOwnViews, presetNames, readPipeline, viewsOf } from './sheet-views.ts';
import { pictureOfView } from './view-picture.ts';

export const command = defineCommand({
  name: 'augment',
  summary: 'draw augmented views of your images as a contact sheet',
  help: `
Writes a PNG with a row for each image: the image, then its views as the encoder gets them, with the normalisation taken back so that they can be seen. Under each view stands what was drawn for it: position and size of the crop in pixels of the image, factors of the colour jitter in the order applied, σ of the blur in pixels, and so on. Look at it before a long training: are crops still recognisable, is the colour of what you want to tell apart still there?

The pipeline is a preset at --size, or, with --augment, a JSON file: what JSON.stringify(augment([…])) gives, a list of transforms, a list of such pipelines (one a view), or the config.json of a run. Presets ${namesOfOwnViews().join(', ')} have views of their own, one a column.

Views depend on --seed and on the image's place in the folder alone: the same call draws the same views. Images are found below a folder by their file names (${kImageExtensions.join(', ')}), and --samples of them are taken, spread evenly. One that cannot be decoded is left out with a warning.

With --json, one object: out, width, height, seed, augment (the pipeline of each view), samples (name, height, width, and for each view the drawn numbers, which Augmentation.replay() takes), skipped.`,
  examples: [
    {
      run: 'contrastive augment --input photos --preset simclr --size 224 --out views.png',
      explains: "SimCLR's views of images below photos/, eight for each.",
    },
    {
      run: 'contrastive augment --input cat.jpg --preset byol --size 128 --out byol.png',
      explains: "One image, BYOL's two views, which are not drawn alike.",
    },
    {
      run: 'contrastive augment --input photos --augment pipeline.json --samples 4 --views 6 --out mine.png',
      explains: 'A pipeline of your own.',
    },
  ],
  options: {
    input: { type: 'string', value: 'PATH', required: true, help: 'folder of images, or one image' },
    out: { type: 'string', short: 'o', value: 'FILE', required: true, help: 'where to write, a name in .png' },
    preset: {
      type: 'string',
      value: 'NAME',
      choices: presetNames,
      help: 'a published recipe; default simclr',
    },
    augment: { type: 'string', value: 'FILE', help: 'a pipeline as JSON, in place of a preset' },
    size: {
      type: 'number',
      value: 'PIXELS',
      min: 1,
      max: 1024,
      integer: true,
      help: "side of the preset's views; default: the first image's shorter side, at most 224",
    },
    samples: { type: 'number', value: 'N', default: 6, min: 1, max: 32, integer: true, help: 'rows: images shown' },
    views: {
      type: 'number',
      value: 'N',
      min: 1,
      max: 32,
      integer: true,
      help: 'columns: views of each image; default 8, or as many as the pipeline has of its own',
    },
    seed: {
      type: 'number',
      value: 'N',
      default: 0,
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      integer: true,
      help: 'of the draws',
    },
  },
  derived: () => flagsOfVariants(presetVariants),
  async run({ options, given, signal, output }) {
    const { input, samples: count, seed } = options;
    const out = await placeFor(options.out);
    const name = options.preset ?? 'simclr';
    checkCombination(options);
    refuseOthers(
      given,
      options.augment === undefined ? presetVariants : { ...presetVariants, [name]: {} },
      name,
      'preset',
    );
    const data = options.augment === undefined ? undefined : await readPipeline(options.augment);
    const { sources, skipped } = await readSources(input, count, signal, output);
    const [first] = sources as [Source];
    const size = options.size ?? Math.min(224, first.sample.height, first.sample.width);
    const views = viewsOf(
      data ?? presetViews(name, { ...optionsFrom(options, presetVariants[name]), size }),
      options.views,
      options.augment ?? `preset ${name}`,
    );
    const rows: { source: Source; drawn: DrawnTransform[][]; pictures: Picture[] }[] = [];
    for (const source of sources) {
      throwIfAborted(signal);
      rows.push({ source, ...(await rowOf(source, views, seed)) });
    }
    const title = options.augment === undefined ? `${name}, ${size} pixels` : basename(options.augment);
    const { png, width, height } = await renderSheet(sheetOf(title, seed, views, rows));
    throwIfAborted(signal);
    try {
      await writeFileAtomic(out, png);
    } catch (error) {
      throw new DataError(`${out}: cannot be written: ${messageOf(error)}`, { cause: error });
    }
    const left = skipped.length === 0 ? '' : `; ${skipped.length} skipped`;
    output.print(
      `${rows.length} ${rows.length === 1 ? 'image' : 'images'}, ${views.length} views each, ${width} × ${height} pixels${left}\n${out}`,
    );
    const samples = rows.map(({ source: { name: file, sample }, drawn }) => ({
      name: file,
      height: sample.height,
      width: sample.width,
      id: sample.id,
      views: drawn,
    }));
    output.emit({ out, width, height, seed, augment: views, samples, skipped });
  },
});

interface Choices {
  readonly preset?: string | undefined;
  readonly augment?: string | undefined;
  readonly size?: number | undefined;
}

function checkCombination({ preset, augment: file, size }: Choices): void {
  if (file === undefined) return;
  if (preset !== undefined) throw new OptionError('--preset and --augment exclude each other');
  if (size !== undefined) throw new OptionError('--size is of presets; with --augment, sizes are in the file');
}

/** The absolute path to write to. */
async function placeFor(out: string): Promise<string> {
  const path = resolve(out);
  if (!path.toLowerCase().endsWith('.png')) throw new OptionError(`--out must be a name in .png, got '${out}'`);
  if ((await statOrUndefined(path))?.isDirectory()) throw new DataError(`${path}: is a folder`);
  const folder = dirname(path);
  if (!(await statOrUndefined(folder))?.isDirectory())
    throw new DataError(`${path}: there is no folder '${folder}' to write into`);
  return path;
}

/** The picture of an image and those of its views, with what was drawn. */
async function rowOf(
  { name, sample }: Source,
  views: readonly Augmentation[],
  seed: number,
): Promise<{ drawn: DrawnTransform[][]; pictures: Picture[] }> {
  const { pixels, height, width, id } = sample;
  const drawn: DrawnTransform[][] = [];
  const pictures: Picture[] = [{ pixels, height, width, caption: [name, `${width}×${height}`] }];
  for (const [view, augmentation] of views.entries()) {
    try {
      const numbers = augmentation.draw(sample, { seed, id, view });
      const caption = describeDrawn(augmentation.transforms, numbers);
      drawn.push(numbers);
      pictures.push({ ...(await pictureOfView(augmentation, sample, numbers)), caption });
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      throw new ShapeError(`${name}: ${error.message}`, { cause: error });
    }
  }
  return { drawn, pictures };
}

function sheetOf(
  title: string,
  seed: number,
  views: readonly Augmentation[],
  rows: readonly { pictures: readonly Picture[]; drawn: readonly (readonly DrawnTransform[])[] }[],
): ContactSheet {
  const [first] = views as [Augmentation];
  const isOne = views.every((view) => JSON.stringify(view) === JSON.stringify(first));
  const kinds = isOne ? first.transforms.map(({ kind }) => kind).join(' → ') : 'one pipeline a view';
  const isJittered = rows.some(({ drawn }) =>
    drawn.some((view) => view.some(({ kind, applied }) => kind === 'colorJitter' && applied)),
  );
  return {
    title,
    subtitle: `seed ${seed}; ${kinds}`,
    headings: ['image', ...views.map((_, view) => `view ${view + 1}`)],
    rows: rows.map(({ pictures }) => pictures),
    footer: isJittered ? jitterLegend : '',
  };
}
