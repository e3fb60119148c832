/** `contrastive label`: labels for a folder of images without, by their neighbours in a folder with classes. */
import { type LabelSuggestion, suggestLabels } from '../classify/suggest-labels.ts';
import { loadDataset } from '../data/load.ts';
import { DataError } from '../errors.ts';
import { knnOptions } from '../evaluate/knn.ts';
import { createEmbedder, type Embedder } from '../serve/embedder.ts';
import { tensor } from '../tensor/tensor.ts';
import { defineCommand } from './command.ts';
import { expectClasses } from './data-option.ts';
import { flag } from './flag.ts';
import { counted } from './format.ts';
import {
  eachImage,
  findImages,
  type ImageFile,
  imageFile,
  inputHelp,
  type Skipped,
  skippedText,
  strictOption,
} from './image-files.ts';
import { setMachine } from './machine.ts';
import type { Output } from './output.ts';
import { RecordWriter, recordsOption, rounded, type TableRecord } from './records.ts';
import { ofBatches, ofDevice } from './shared-options.ts';
import { ofSource, printLoaded, sourceHelp, sourceOf } from './source-option.ts';

const columns = ['path', 'class', 'confidence', 'runnerUp', 'runnerUpConfidence', 'nearest', 'similarity', 'check'];

export const command = defineCommand({
  name: 'label',
  summary: 'suggest labels for images, by their neighbours in a folder of labelled ones',
  places: ['run', 'labelled', 'input'],
  help: `
Embeds both folders with the encoder of a run; for each image of --input its nearest neighbours in --labelled vote for their classes (votes exp(cosine / 0.1)). No classifier is needed, and a few labelled images of each class are a beginning: check the doubtful ones, move them into the class folders, and run it again.

Writes a row for each image, the least certain first: path (relative to --input), class, confidence (its share of the votes, 0 to 1), runnerUp and runnerUpConfidence, nearest (the labelled image that is most like it), similarity (its cosine), and check: true where the confidence is less than --check-below above the runner-up's, so that a person should look.

${inputHelp} One that cannot be decoded is left out with a warning; with --strict it is an error. ${sourceHelp}

With --json, an object { kind: "image", path, class, … } for each image, and at last { kind: "result", images, labelled, check, skipped, out }.`,
  examples: [
    {
      run: 'contrastive label runs/photos flowers photos --out labels.csv',
      explains: 'flowers/ has a folder for each class, photos/ any number of images.',
    },
  ],
  options: {
    ...ofSource,
    labelled: { type: 'string', value: 'DIR', required: true, help: 'folder of labelled images, a sub-folder a class' },
    input: { type: 'string', value: 'PATH', required: true, help: 'folder of images, or one image' },
    out: recordsOption,
    k: flag(knnOptions.k),
    checkBelow: {
      type: 'number',
      value: 'MARGIN',
      min: 0,
      max: 1,
      default: 0.5,
      help: 'margin, 0 to 1, below which an image is to be checked',
    },
    ...ofBatches,
    ...ofDevice,
    strict: strictOption,
  },
  async run({ options, signal, output }) {
    const { input, out, k, checkBelow, batchSize, strict } = options;
    const rows = new RecordWriter(columns, out, output);
    const source = await sourceOf(options);
    const known = await findLabelled(options.labelled);
    const files = await findImages(input, output);
    setMachine(options);
    await using embedder = await createEmbedder({
      ...source,
      maxBatch: batchSize,
      maxWaitMs: 250, // full batches matter more than a quick first row
      ...{ precision: options.precision, device: options.device, priority: 'bulk' },
    });
    if (out !== undefined) printLoaded(embedder.info, output); // stdout is the table's
    const reading = { embedder, atOnce: 2 * batchSize, strict, signal, output };
    const labelled = await embedAll(known.files, reading);
    const unlabelled = await embedAll(files, reading);
    using bank = tensor(labelled.vectors);
    using features = tensor(unlabelled.vectors);
    const labels = labelled.files.map(({ label }) => label);
    const suggested = await suggestLabels({ features: bank, labels }, features, { classes: known.classes, k, signal });
    const sorted = suggested.map((of, i) => ({ of, i })).sort((a, b) => a.of.margin - b.of.margin || a.i - b.i);
    for (const { of, i } of sorted)
      rows.write({
        path: unlabelled.files[i]?.name as string,
        ...recordOf(of, labelled.files),
        check: of.margin < checkBelow,
      });
    await rows.close();
    const check = suggested.filter(({ margin }) => margin < checkBelow).length;
    const [images, skipped] = [suggested.length, [...labelled.skipped, ...unlabelled.skipped]];
    if (out !== undefined)
      output.print(
        `${counted(images, 'image')} by ${labels.length} labelled, ${check} of them to check${skippedText(skipped)}\n${out}`,
      );
    output.emit({ kind: 'result', images, labelled: labels.length, check, skipped, ...(out !== undefined && { out }) });
  },
});

interface LabelledFile extends ImageFile {
  readonly label: number;
}

/** The images of a folder with their classes. @throws {DataError} it has none, or one only. */
async function findLabelled(root: string): Promise<{ files: readonly LabelledFile[]; classes: readonly string[] }> {
  const { files, labels, classes } = await loadDataset('folder', { root });
  if (labels === undefined || classes === undefined)
    throw new DataError(`${root}: labelled images lie in a folder for each class; there is none`);
  expectClasses(root, labels);
  return { files: files.map((path, i) => ({ ...imageFile(root, path), label: labels[i] as number })), classes };
}

interface Embedding {
  readonly embedder: Embedder;
  readonly atOnce: number;
  readonly strict: boolean;
  readonly signal: AbortSignal;
  readonly output: Output;
}

interface Embedded<F> {
  readonly files: readonly F[];
  /** One each. */
  readonly vectors: readonly Float32Array[];
  readonly skipped: readonly Skipped[];
}

async function embedAll<F extends ImageFile>(
  all: readonly F[],
  { embedder, signal, ...rest }: Embedding,
): Promise<Embedded<F>> {
  const files: F[] = [];
  const vectors: Float32Array[] = [];
  const skipped = await eachImage(all, {
    work: (path) => embedder.embedFile(path, { signal }),
    take: (file, vector) => {
      files.push(file);
      vectors.push(vector);
    },
    ...rest,
  });
  return { files, vectors, skipped };
}

const recordOf = (
  { class: name, confidence, runnerUp, nearest }: LabelSuggestion,
  labelled: readonly ImageFile[],
): TableRecord => ({
  class: name,
  confidence: rounded(confidence),
  runnerUp: runnerUp?.class ?? null,
  runnerUpConfidence: runnerUp === undefined ? null : rounded(runnerUp.confidence),
  nearest: labelled[nearest.index]?.name as string,
  similarity: rounded(nearest.similarity),
});
