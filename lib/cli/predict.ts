/** `contrastive predict`: the classes of a folder of images, by the classifier of a run. */
import { openRun } from '../checkpoint/run.ts';
import { createClassifier } from '../serve/image-classifier.ts';
import { defineCommand } from './command.ts';
import { counted, formatDuration } from './format.ts';
import { eachImage, findImages, inputHelp, skippedText, strictOption } from './image-files.ts';
import { setMachine } from './machine.ts';
import { RecordWriter, recordsOption, rounded } from './records.ts';
import { ofBatches, ofDevice, ofRun } from './shared-options.ts';

const columns = ['path', 'class', 'confidence', 'runnerUp', 'runnerUpConfidence'];

export const command = defineCommand({
  name: 'predict',
  summary: 'say which class each image of a folder is of, with the classifier of a run',
  places: ['run', 'input'],
  help: `
Reads images with a run that fine-tune wrote, and writes a row for each: path (relative to the folder), class, confidence (the probability of that class, 0 to 1), runnerUp and runnerUpConfidence, the next class. Confidences are not calibrated: after training on few images nearly all are close to 1.

${inputHelp} One that cannot be decoded is left out with a warning; with --strict it is an error.

With --json, an object { kind: "image", path, class, … } for each image, and at last { kind: "result", images, skipped, seconds, out }.`,
  examples: [
    {
      run: 'contrastive predict runs/classifier photos --out classes.csv',
      explains: 'A table for all images below photos/.',
    },
    {
      run: 'contrastive predict runs/classifier cat.jpg',
      explains: 'One image; the table goes to the terminal, or into a pipe.',
    },
  ],
  options: {
    ...ofRun,
    input: { type: 'string', value: 'PATH', required: true, help: 'folder of images, or one image' },
    out: recordsOption,
    ...ofBatches,
    ...ofDevice,
    strict: strictOption,
  },
  async run({ options, signal, output }) {
    const { run, input, out, batchSize, precision, device, strict } = options;
    const rows = new RecordWriter(columns, out, output);
    await openRun(run); // told before images are looked for
    const files = await findImages(input, output);
    const started = performance.now();
    setMachine(options);
    await using classifier = await createClassifier({
      checkpoint: run,
      maxBatch: batchSize,
      maxWaitMs: 250, // full batches matter more than a quick first row
      ...{ precision, device, priority: 'bulk' },
    });
    const skipped = await eachImage(files, {
      work: (path) => classifier.classifyFile(path, { signal }),
      take: ({ name: path }, { class: name, confidence, runnerUp }) =>
        rows.write({
          ...{ path, class: name, confidence: rounded(confidence) },
          runnerUp: runnerUp?.class ?? null,
          runnerUpConfidence: runnerUp === undefined ? null : rounded(runnerUp.confidence),
        }),
      atOnce: 2 * batchSize,
      ...{ strict, output },
    });
    await rows.close();
    const images = files.length - skipped.length;
    const seconds = (performance.now() - started) / 1000;
    if (out !== undefined)
      output.print(`${counted(images, 'image')} in ${formatDuration(seconds)}${skippedText(skipped)}\n${out}`);
    output.emit({ kind: 'result', images, skipped, seconds, ...(out !== undefined && { out }) });
  },
});
