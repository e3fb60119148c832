/** `contrastive eval`: what the encoder of a run has learnt, as accuracies on test images. */

import { presets } from '../augment/presets.ts';
import { encoderOf } from '../checkpoint/encoder.ts';
import { presetInput } from '../checkpoint/preset-input.ts';
import { balancedSubset } from '../data/balanced-subset.ts';
import { describeDataset } from '../data/dataset.ts';
import { expectAsRankZero } from '../distributed/alike.ts';
import { localDevice } from '../distributed/local-device.ts';
import { failTogether } from '../distributed/rows.ts';
import type { Encoder } from '../encoders/registry.ts';
import { DataError } from '../errors.ts';
import { knnOptions } from '../evaluate/knn.ts';
import { seedOption } from '../options/kinds.ts';
import { exactMarkOf } from '../train/dataset-mark.ts';
import { type CommandContext, defineCommand, type OptionTable, type OptionValues } from './command.ts';
import { dataHelp, dataOption } from './data-option.ts';
import { codeOfRun, expectEncoder, newEncoder } from './encoder-option.ts';
import {
  type Accuracies,
  accuracyTable,
  extractSplits,
  intervalsOf,
  intervalTexts,
  judge,
  type LabelledSplits,
  missingClasses,
} from './evaluate-run.ts';
import { fineTuneFlags, fineTuneRun, fineTuneSide, refuseFineTuneOptions } from './fine-tune-run.ts';
import { flag } from './flag.ts';
import { counted } from './format.ts';
import { knnHistory } from './knn-history.ts';
import { setMachine } from './machine.ts';
import { percent } from './report/results.ts';
import { loadLabelledRunData, ofLabelFraction, ofRunData } from './run-data.ts';
import { ofDevice, ofProcesses, ofRun, ofThreads } from './shared-options.ts';
import { openTogether, together } from './together.ts';
import { sideOf } from './training.ts';

const evalOptions = {
  ...ofRun,
  encoder: {
    type: 'string',
    value: 'FILE',
    help: 'the file that makes the encoder of the run; needed to train it where the one that the run names is gone',
  },
  data: { ...dataOption, help: "as in train; default the run's own images" },
  protocol: {
    type: 'string',
    value: 'NAME',
    choices: ['knn', 'linear', 'both', 'fine-tune', 'all'],
    default: 'both',
    help: 'which classifiers judge the encoder; both: knn and linear',
  },
  baseline: { type: 'boolean', help: 'also judge the same encoder with random weights' },
  k: flag(knnOptions.k),
  knnTemperature: flag(knnOptions.temperature),
  ...ofLabelFraction,
  ...fineTuneFlags,
  seed: flag(seedOption, { help: 'of that share, and of fine-tuning' }),
  ...ofRunData,
  ...ofDevice,
  ...ofThreads,
  ...ofProcesses,
} as const satisfies OptionTable;

type EvalOptions = OptionValues<typeof evalOptions>;

const fineTunes = ({ protocol }: EvalOptions): boolean => protocol === 'fine-tune' || protocol === 'all';

export const command = defineCommand({
  name: 'eval',
  summary: 'judge the encoder of a run on test images: by kNN, a linear probe, or fine-tuned',
  places: ['run', 'data'],
  help: `
Drops the projection head and classifies test images by what it learns from training images. With the encoder frozen, from its features:
  knn        the 20 nearest training images vote, weighted by exp(cosine / 0.1)
  linear     softmax regression on the features; a tenth of the training images chooses its
             learning rate, and the test images are read once
With the encoder trained on, the run itself staying as it is:
  fine-tune  a new linear classifier and a copy of the encoder, by cross entropy on crops and flips
             (SGD with Nesterov momentum, cosine schedule); --label-fraction 0.01 or 0.1 is the
             usual test of learning from few labels; contrastive fine-tune keeps the classifier

${dataHelp}

Started by torchrun, srun or another launcher that sets RANK and WORLD_SIZE, several processes share the images, for features, kNN and fine-tuning; the first one prints. Each needs the run and the images under the same paths.

An encoder that a file made is judged frozen without that file: the run keeps its forward pass. Fine-tuning and --baseline run the file that the run names, or --encoder.

Images are scaled and normalised as in the run. Beside the accuracies: their 95% intervals (Wilson), what chance reaches (always the most frequent class), and what kNN reached before training, where the run measured it on these images.

With --json, one object: knnTop1, linearTop1 and fineTuneTop1 (shares, 0 to 1; those of the protocol), with more than five classes knnTop5 and so on, their intervals, chanceTop1, knnBefore, run, step, trainImages, testImages, and with --baseline the same figures under "baseline".`,
  examples: [
    { run: 'contrastive eval runs/fashion-mnist-supcon-1', explains: 'Both classifiers on the data of the run.' },
    {
      run: 'contrastive eval runs/photos --data folder:flowers --protocol knn --baseline',
      explains: 'How well features from one data set serve another, and how much of that was training.',
    },
    {
      run: 'contrastive eval runs/photos --protocol fine-tune --label-fraction 0.1 --baseline',
      explains: 'What a tenth of the labels teach, beside the same network without pre-training.',
    },
  ],
  options: evalOptions,
  takesSeveral: true,
  run: (context) => together(() => evaluate(context), context),
});

/** This process's part. */
async function evaluate({ options, signal, output }: CommandContext<typeof evalOptions>): Promise<void> {
  const { protocol, labelFraction, seed } = options;
  if (!fineTunes(options)) refuseFineTuneOptions(options);
  const { run, checkpoint } = await openTogether(options.run, output);
  const { config } = run;
  const { step } = checkpoint.state;
  const code = codeOfRun(options.encoder, config.encoder, fineTunes(options) || options.baseline);
  if (code !== undefined) await expectEncoder(code); // before the images are read
  // As the training decoded them, so that its kNN accuracy comes out again.
  const side = Math.max(sideOf(config), fineTunes(options) ? fineTuneSide(config.input) : 0);
  const context = { output, signal };
  const { test, noTest, isJudgedOnHeldOut, ...loaded } = await failTogether(() =>
    loadLabelledRunData({ ...options, side }, config, context),
  );
  if (test === undefined) throw new DataError(noTest ?? `${loaded.data.name}: there are no test images`);
  const train =
    labelFraction === undefined
      ? loaded.train
      : await balancedSubset(loaded.train, { fraction: labelFraction, seed, signal });
  const splits = { train, test };
  await expectAlike(options, splits);
  output.print(`training images  ${(await describeDataset(splits.train)).text}`);
  output.print(`test images      ${(await describeDataset(splits.test)).text}\n`);
  const warning = missingClasses(splits);
  if (warning !== undefined) output.warn(warning);
  setMachine(options);
  const makeNew = () => newEncoder(code ?? config.encoder, config.input, config.seed);
  const assess = async (title: string, module: Encoder): Promise<Accuracies> => {
    using encoder = module;
    const frozen = protocol === 'fine-tune' ? {} : await assessFrozen(title, encoder);
    if (!fineTunes(options)) return frozen;
    const run = { config, splits, values: options, title: `${title}: fine-tuning`, output, signal };
    const { classifier, test: found } = await fineTuneRun(encoder, run);
    classifier.dispose();
    const { accuracy, top5 } = found ?? {};
    return {
      ...frozen,
      ...(accuracy !== undefined && { fineTuneTop1: accuracy }),
      ...(top5 !== undefined && { fineTuneTop5: top5 }),
    };
  };
  const assessFrozen = async (title: string, encoder: Encoder): Promise<Accuracies> => {
    using features = await extractSplits(encoder, splits, {
      augment: presets.evaluation(presetInput(config.input)),
      signal,
      onProgress: (done, total) => output.progress.update(() => `${title}: features of ${done}/${total} images`),
    });
    return await judge(features, {
      protocol: protocol === 'knn' || protocol === 'linear' ? protocol : 'both',
      k: options.k,
      temperature: options.knnTemperature,
      signal,
      onProgress: (what, done, total) => output.progress.update(() => `${title}: ${what} ${done}/${total}`),
    });
  };
  // first: it compares the config with the weights
  const device = localDevice(options.device);
  const encoder = encoderOf(config, checkpoint, device, code && (await makeNew()));
  const baseline = options.baseline ? await assess('random weights', (await makeNew()).to(device)) : undefined;
  const title = `after step ${step}`;
  const trained = await assess(title, encoder);
  output.progress.done();
  const isOnSameImages = config.data.heldOut === undefined ? options.split === 'test' : isJudgedOnHeldOut;
  const before = isOnSameImages && isAsInTraining(options) ? knnHistory(await run.metrics.read()) : undefined;
  const testImages = splits.test.length;
  const knnBefore = before?.testImages === testImages ? before.before : undefined;
  output.print(accuracyTable([...(baseline ? [['random weights', baseline] as const] : []), [title, trained]]));
  output.print(`\n95% intervals, of ${counted(testImages, 'test image')}: ${intervalTexts(trained, testImages)}`);
  if (trained.chanceTop1 !== undefined)
    output.print(
      `${knnBefore === undefined ? '' : `kNN before training ${percent(knnBefore)}; `}chance ${percent(trained.chanceTop1)}`,
    );
  output.emit({
    kind: 'result',
    ...trained,
    intervals: intervalsOf(trained, testImages),
    ...(knnBefore !== undefined && { knnBefore }),
    ...(baseline && { baseline }),
    run: run.path,
    step,
    protocol,
    ...(labelFraction !== undefined && { labelFraction }),
    trainImages: splits.train.length,
    testImages,
  });
}

/** @throws {DistributedError} this process would judge otherwise than rank 0, or on other images. */
async function expectAlike(
  {
    run: _,
    data: __,
    encoder: ___,
    device: ____,
    threads: _____,
    timeout: ______,
    backend: _______,
    ...decides
  }: EvalOptions,
  { train, test }: LabelledSplits,
): Promise<void> {
  await expectAsRankZero('evaluates', {
    ...decides,
    'training images': train.length,
    'test images': test.length,
    samples: [...(await exactMarkOf(train)), ...(await exactMarkOf(test))],
  });
}

/** Whether kNN judges here as it did in the training, so that what that measured before its first step can stand beside it. */
const isAsInTraining = ({ protocol, data, k, knnTemperature, labelFraction, limitTrain }: EvalOptions): boolean =>
  protocol !== 'linear' &&
  protocol !== 'fine-tune' &&
  k === 20 &&
  knnTemperature === 0.1 &&
  [data, labelFraction, limitTrain].every((value) => value === undefined);
