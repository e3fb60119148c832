/** `contrastive embed`: the features of a folder of images, as a NumPy file and an index of names. */

import { mkdir } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { types } from 'node:util';
import { statOrUndefined } from '../data/files.ts';
import { DataError, messageOf } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import { NpyWriter } from '../files/npy.ts';
import { createEmbedder, type Embedder, servingOptions } from '../serve/embedder.ts';
import { defineCommand } from './command.ts';
import { folderOfRun } from './data-option.ts';
import { flag } from './flag.ts';
import { counted, formatDuration } from './format.ts';
import { eachImage, findImages, inputHelp, skippedText, strictOption } from './image-files.ts';
import { setMachine } from './machine.ts';
import { ofBatches, ofDevice } from './shared-options.ts';
import { ofSource, printLoaded, sourceHelp, sourceOf } from './source-option.ts';

export const command = defineCommand({
  name: 'embed',
  summary: 'write the features of images to a .npy file, with an index of their names',
  places: ['run', 'input'],
  help: `
Reads images with the encoder of a run (its projection head is dropped) or with weights from elsewhere, and writes two files:
  FILE.npy    float32 (images, dim), one row an image: numpy.load reads it
  FILE.json   { names, skipped, dim, normalized, encoder, run and step, or weights, … }; names are in
              the order of the rows

Both appear when all is done, or not at all. ${inputHelp} Each is scaled and normalised as in the evaluation of the run. ${sourceHelp} An image that cannot be decoded is left out with a warning and listed under "skipped"; with --strict it is an error.`,
  examples: [
    {
      run: 'contrastive embed runs/supcon photos --out features.npy',
      explains: 'Features of all images below photos/, by the latest checkpoint of the run.',
    },
    {
      run: 'contrastive embed runs/supcon/checkpoints/400 cat.jpg --out cat --normalize',
      explains: 'One image, an earlier checkpoint, features of length 1: their dot products are cosine similarities.',
    },
    {
      run: 'contrastive embed --encoder resnet50 --weights resnet50-11ad3fa6.pth --input photos --out features',
      explains:
        "With torchvision's weights, which download.pytorch.org has: features of ImageNet, without any training.",
    },
  ],
  options: {
    ...ofSource,
    input: {
      type: 'string',
      value: 'PATH',
      help: 'folder of images, or one image; default the folder that the run was trained on',
    },
    out: {
      type: 'string',
      short: 'o',
      value: 'FILE',
      default: 'features.npy',
      help: 'where to write; .npy may be left out',
    },
    normalize: flag(servingOptions.normalize),
    ...ofBatches,
    ...ofDevice,
    strict: strictOption,
  },
  async run({ options, signal, output }) {
    const { batchSize, normalize, precision, device, strict } = options;
    const npy = resolve(options.out.endsWith('.npy') ? options.out : `${options.out}.npy`);
    if ((await statOrUndefined(npy))?.isDirectory()) throw new DataError(`${npy}: is a folder`);
    const source = await sourceOf(options);
    const input = options.input ?? (await folderOfRun(options.run));
    const files = await findImages(input, output);
    const started = performance.now();
    setMachine(options);
    const embedder = await createEmbedder({
      ...source,
      maxBatch: batchSize,
      maxWaitMs: 250, // full batches matter more than a quick first row
      normalize,
      precision,
      device,
      priority: 'bulk',
    });
    printLoaded(embedder.info, output);
    let writer: NpyWriter | undefined;
    try {
      await mkdir(dirname(npy), { recursive: true });
      writer = await NpyWriter.create(npy, embedder.dim);
      const rows = writer;
      const names: string[] = [];
      const skipped = await eachImage(files, {
        work: (path) => embedder.embedFile(path, { signal }),
        take: async ({ name }, vector) => {
          await rows.append(vector);
          names.push(name);
        },
        atOnce: 2 * batchSize,
        ...{ strict, output },
      });
      const from =
        options.run === undefined ? { weights: resolve(options.weights ?? '') } : { run: resolve(options.run) };
      const about = { ...from, input: resolve(input), normalized: normalize, names, skipped };
      const index = await publish(writer, embedder, about);
      const seconds = (performance.now() - started) / 1000;
      const { dim } = embedder;
      output.print(
        `${counted(names.length, 'image')}, ${dim} features each, in ${formatDuration(seconds)}${skippedText(skipped)}\n${npy}\n${index}`,
      );
      const imagesPerSecond = names.length / seconds;
      output.emit({ out: npy, index, rows: names.length, dim, skipped: skipped.length, seconds, imagesPerSecond });
    } catch (error) {
      // Of reading, a DataError tells; what the file system says by itself is of writing.
      if (!(types.isNativeError(error) && 'syscall' in error)) throw error;
      throw new DataError(`${npy}: cannot be written: ${messageOf(error)}`, { cause: error });
    } finally {
      await writer?.discard();
      await embedder.close({ signal: AbortSignal.abort() }); // after a failure nobody waits for the others
    }
  },
});

/** Writes the index and puts both files in their places; returns the path of the index. */
async function publish(writer: NpyWriter, { info }: Embedder, about: object): Promise<string> {
  const { dim, step, encoder } = info;
  const index = writer.path.replace(/\.npy$/, '.json');
  const content = { format: 1, file: basename(writer.path), rows: writer.rows, dim, step, encoder, ...about };
  await writer.finish();
  await writeFileAtomic(index, `${JSON.stringify(content, null, 1)}\n`);
  await writer.publish();
  return index;
}
