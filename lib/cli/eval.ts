/** `contrastive eval`: what the encoder of a run has learnt, as accuracies on test images. */
import { type Augmentation, setAugmentThreads } from '../augment/augment.ts';
import { presets } from '../augment/presets.ts';
import { openCheckpoint } from '../checkpoint/run.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import { describeDataset } from '../data/dataset.ts';
import { DataError } from '../errors.ts';
import type { Module } from '../models/module.ts';
import { makeEncoder } from '../models/registry.ts';
import { loadEncoder } from '../serve/feature-model.ts';
import { setThreads } from '../tensor/runtime.ts';
import { type CommandContext, defineCommand, type OptionTable, type OptionValues } from './command.ts';
import { dataHelp, dataOption, dataText, loadSplits, parseData } from './data-option.ts';
import { type Accuracies, accuracyTable, extractSplits, judge, type LabelledSplits } from './evaluate-run.ts';

const positive = { type: 'number', value: 'N', min: 1, integer: true } as const;

const evalOptions = {
  run: { type: 'string', value: 'DIR', required: true, help: 'folder of a run, or one of its checkpoints' },
  data: { ...dataOption, help: "as in train; default the run's own data" },
  protocol: {
    type: 'string',
    value: 'NAME',
    choices: ['knn', 'linear', 'both'],
    default: 'both',
    help: 'which classifiers judge the features',
  },
  baseline: { type: 'boolean', help: 'also judge the same encoder before training' },
  k: { ...positive, default: 20, help: 'neighbours that vote' },
  knnTemperature: { type: 'number', value: 'T', default: 0.1, above: 0, help: 'of the votes exp(cosine / T)' },
  limitTrain: { ...positive, help: "use so many training images; default without --data: as the run's training" },
  limitTest: { ...positive, help: 'use so many test images' },
  device: { type: 'string', value: 'NAME', default: 'auto', help: 'cpu, cuda, cuda:N, mps or auto' },
  threads: { ...positive, help: 'CPU threads; default one a core' },
} as const satisfies OptionTable;

type EvalOptions = OptionValues<typeof evalOptions>;

export const command = defineCommand({
  name: 'eval',
  summary: 'judge the encoder of a run by kNN and a linear probe on test images',
  help: `
Drops the projection head, freezes the encoder and classifies the features of test images by those of training images:
  knn     the 20 nearest training images vote, weighted by exp(cosine / 0.1)
  linear  softmax regression on the features; a tenth of the training images chooses its learning
          rate, and the test images are read once

${dataHelp}

Images are scaled and normalised as in the run. With --json, one object: knnTop1 and linearTop1 (shares, 0 to 1), run, step, trainImages, testImages, and with --baseline the same two figures under "baseline".`,
  examples: [
    { run: 'contrastive eval --run runs/fashion-mnist-supcon-1', explains: 'Both classifiers on the data of the run.' },
    {
      run: 'contrastive eval --run runs/photos --data folder:flowers --protocol knn --baseline',
      explains: 'How well features from one data set serve another, and how much of that was training.',
    },
  ],
  options: evalOptions,
  run: evaluate,
});

async function evaluate({ options, signal, output }: CommandContext<typeof evalOptions>): Promise<void> {
  const { run, checkpoint } = await openCheckpoint(options.run, {
    optimizer: false,
    onWarning: (text) => output.warn(text),
  });
  const { config } = run;
  const { step } = checkpoint.state;
  const splits = await loadData(options, config);
  output.print(`training images  ${(await describeDataset(splits.train)).text}`);
  output.print(`test images      ${(await describeDataset(splits.test)).text}\n`);
  if (options.threads !== undefined) {
    setThreads(options.threads);
    setAugmentThreads(options.threads);
  }
  const assess = async (title: string, module: Module): Promise<Accuracies> => {
    using encoder = module;
    using features = await extractSplits(encoder, splits, {
      augment: evaluationOf(config.input),
      signal,
      onProgress: (done, total) => output.progress.update(() => `${title}: features of ${done}/${total} images`),
    });
    output.progress.update(`${title}: classifying`);
    return await judge(features, {
      protocol: options.protocol,
      k: options.k,
      temperature: options.knnTemperature,
      signal,
    });
  };
  const baseline = options.baseline
    ? await assess('before training', makeEncoder({ ...config.encoder }).to(options.device))
    : undefined;
  const title = `after step ${step}`;
  const trained = await assess(title, loadEncoder(config.encoder, checkpoint, options.device));
  output.progress.done();
  output.print(accuracyTable([...(baseline ? [['before training', baseline] as const] : []), [title, trained]]));
  output.emit({
    kind: 'result',
    ...trained,
    ...(baseline && { baseline }),
    run: run.path,
    step,
    protocol: options.protocol,
    trainImages: splits.train.length,
    testImages: splits.test.length,
  });
}

/** @throws {DataError} no test images. */
async function loadData(options: EvalOptions, { data }: RunConfig): Promise<LabelledSplits> {
  const source = parseData(options.data ?? dataText(data));
  const limit = options.data === undefined ? (data.limit ?? undefined) : undefined;
  const { train, test, noTest } = await loadSplits(source, {
    train: options.limitTrain ?? limit,
    test: options.limitTest,
  });
  if (test === undefined) throw new DataError(noTest ?? `${source.name}: there are no test images`);
  return { train, test };
}

function evaluationOf({ size, mean, std, channels }: RunConfig['input']): Augmentation {
  return presets.evaluation({ size, mean, std, ...((channels === 1 || channels === 3) && { channels }) });
}
