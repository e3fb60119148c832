/** `contrastive fine-tune`: a classifier of the classes of a folder, on top of the encoder of a run. */

import { encoderOf } from '../checkpoint/encoder.ts';
import { RunFolder } from '../checkpoint/run.ts';
import { fineTunePlan } from '../classify/fine-tune-plan.ts';
import { balancedSubset } from '../data/balanced-subset.ts';
import { describeDataset } from '../data/dataset.ts';
import { localDevice } from '../distributed/local-device.ts';
import { failTogether } from '../distributed/rows.ts';
import { AbortError } from '../errors.ts';
import { seedOption } from '../options/kinds.ts';
import { type CommandContext, defineCommand, type OptionTable } from './command.ts';
import { dataHelp, dataOption, expectClasses, titleOf } from './data-option.ts';
import { codeOfRun, expectEncoder, newEncoder } from './encoder-option.ts';
import { missingClasses } from './evaluate-run.ts';
import { fineTuneFlags, fineTuneRun, fineTuneSide } from './fine-tune-run.ts';
import { flag } from './flag.ts';
import { counted } from './format.ts';
import { intervalText } from './knn-history.ts';
import { setMachine } from './machine.ts';
import { percent } from './report/results.ts';
import { loadLabelledRunData, ofLabelFraction, ofRunData } from './run-data.ts';
import { ofDevice, ofProcesses, ofRun, ofThreads } from './shared-options.ts';
import { openTogether, together } from './together.ts';
import { shellWord, typedPath } from './train-options.ts';

/** Written in a fine-tuning: epochs of few images are short. */
const mostCheckpoints = 10;

const options = {
  ...ofRun,
  data: { ...dataOption, help: "labelled images, as in train; default the run's own" },
  out: {
    type: 'string',
    short: 'o',
    value: 'DIR',
    help: 'folder for the run of the classifier; default RUN-classifier',
  },
  resume: { type: 'boolean', help: 'go on with the run in that folder, with the same options' },
  ...fineTuneFlags,
  ...ofLabelFraction,
  seed: flag(seedOption, { help: 'of that share, of order and views' }),
  ...ofRunData,
  encoder: {
    type: 'string',
    value: 'FILE',
    help: 'the file that makes the encoder of the run; needed where the one that the run names is gone',
  },
  ...ofDevice,
  ...ofThreads,
  ...ofProcesses,
} as const satisfies OptionTable;

export const command = defineCommand({
  name: 'fine-tune',
  summary: 'train a classifier on labelled images, beginning with the encoder of a run',
  places: ['run', 'data'],
  help: `
Trains a copy of the encoder and a new linear classifier by cross entropy on crops and flips (SGD with Nesterov momentum 0.9, cosine schedule); the run itself stays as it is. The result is a run of its own, which predict, serve (POST /classify) and export take, and whose encoder eval and embed take.

Few images make few steps, and few steps must be longer ones: of fewer than some 1800 images, batches are smaller and epochs more, so that there are 200 steps, and the learning rate is 100 / steps, 0.5 at most; from 2000 steps on it is the published 0.05. --epochs, --lr and --batch-size win.

${dataHelp}

Started by torchrun, srun or another launcher that sets RANK and WORLD_SIZE, several processes fine-tune as one, as in train; each needs the run and the images under the same paths.

With --json, one object: accuracy (a share, 0 to 1, of the test images; null without any), with more than five classes top5, loss (of the last epoch), classes, steps, epochs, batchSize, lr, trainImages, testImages, run, out.`,
  examples: [
    {
      run: 'contrastive fine-tune runs/photos --out runs/classifier',
      explains: 'The classes of the folder that the run was trained on.',
    },
    {
      run: 'contrastive fine-tune runs/photos flowers --label-fraction 0.1 --out runs/flowers',
      explains: 'Other images, and of each class a tenth of the labels.',
    },
  ],
  options,
  takesSeveral: true,
  run: (context) => together(() => tune(context), context),
});

/** This process's part. */
async function tune({ options: typed, signal, output }: CommandContext<typeof options>): Promise<void> {
  const { labelFraction, seed, resume } = typed;
  const { run, checkpoint } = await openTogether(typed.run, output);
  const { config } = run;
  const out = typed.out ?? `${run.path}-classifier`;
  const code = codeOfRun(typed.encoder, config.encoder, true);
  if (code !== undefined) await expectEncoder(code); // before the images are read
  const side = fineTuneSide(config.input);
  const {
    data,
    test,
    noTest,
    train: all,
  } = await failTogether(() => loadLabelledRunData({ ...typed, side }, config, { output, signal }));
  expectClasses(titleOf(data), all.labels ?? []);
  const train =
    labelFraction === undefined ? all : await balancedSubset(all, { fraction: labelFraction, seed, signal });
  output.print(`training images  ${(await describeDataset(train)).text}`);
  if (test === undefined) output.warn(`${noTest}; the accuracy is not measured`);
  else output.print(`test images      ${(await describeDataset(test)).text}`);
  const warning = test && missingClasses({ train, test });
  if (warning !== undefined) output.warn(warning);
  const { batchSize, epochs, lr } = fineTunePlan(train.length, typed);
  const steps = epochs * Math.floor(train.length / batchSize);
  output.print(
    `${counted(epochs, 'epoch')}, ${counted(steps, 'step')} of ${counted(batchSize, 'image')}, learning rate ${+lr.toPrecision(3)}, into ${typedPath(out)}`,
  );
  setMachine(typed);
  const given = code && (await newEncoder(code, config.input, config.seed));
  using encoder = encoderOf(config, checkpoint, localDevice(typed.device), given);
  const tuning = fineTuneRun(encoder, {
    ...{ config, splits: { train, test }, values: typed, title: 'fine-tuning', output, signal },
    kept: {
      out,
      resume,
      checkpointEvery: Math.ceil(epochs / mostCheckpoints),
      data,
      ...(typeof code?.file === 'string' && { encoderFile: code.file }),
    },
  });
  const result = await tuning.catch(async (error) => {
    throw error instanceof AbortError ? await stopped(error, out) : error;
  });
  using classifier = result.classifier;
  output.progress.done();
  const { accuracy, top5 } = result.test ?? {};
  const judged = accuracy === undefined || test === undefined ? '' : `; ${rightOf(accuracy, test.length)}`;
  output.print(`loss ${result.loss.toFixed(4)}${judged}\n${typedPath(out)}`);
  output.print(`next: npx contrastive predict ${shellWord(typedPath(out))} DIR`);
  output.emit({
    kind: 'result',
    accuracy: accuracy ?? null,
    ...(top5 !== undefined && { top5 }),
    loss: result.loss,
    classes: classifier.classes,
    ...{ steps: result.steps, epochs, batchSize, lr },
    ...{ trainImages: train.length, testImages: test?.length ?? 0, run: run.path, out },
  });
}

function rightOf(accuracy: number, images: number): string {
  return `${percent(accuracy)} of ${counted(images, 'test image')} right (95% interval ${intervalText(accuracy, images)})`;
}

/** The error of a fine-tuning that a signal ended, with what to do about it. */
async function stopped(error: AbortError, out: string): Promise<AbortError> {
  const step = await RunFolder.open(out).then(
    async (run) => (await run.steps()).at(-1),
    () => undefined,
  );
  const hint =
    step === undefined
      ? 'Stopped before the first step; nothing was saved.'
      : `Stopped at step ${step}; checkpoint saved. The same command with --resume goes on.`;
  return new AbortError(hint, { cause: error });
}
