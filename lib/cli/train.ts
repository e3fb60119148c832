/** `contrastive train`: pre-trains an encoder on a data set, into the folder of a run. */
import { resolve } from 'node:path';
import { setAugmentThreads } from '../augment/augment.ts';
import { RunFolder } from '../checkpoint/run.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import { describeDataset } from '../data/dataset.ts';
import { statOrUndefined } from '../data/files.ts';
import { AbortError, NonFiniteLossError, OptionError } from '../errors.ts';
import { describeLoaded } from '../nn/weights-file.ts';
import { setThreads } from '../tensor/runtime.ts';
import type { EndEvent, TrainEvent } from '../train/events.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { type DataSource, dataHelp, loadSplits, parseData, profileOf } from './data-option.ts';
import { encoderHelp, newEncoder } from './encoder-option.ts';
import { missingClasses } from './evaluate-run.ts';
import { counted, formatDuration } from './format.ts';
import { bestOf, type KnnHistory, knnHistory, knnLines, lastOf, verdictOf } from './knn-history.ts';
import { monitorsOf } from './monitor-option.ts';
import type { Output } from './output.ts';
import { checkSamplerFlags } from './sampler-option.ts';
import { readConfig, specOf, withConfig } from './train-config.ts';
import { knnMonitor } from './train-knn.ts';
import { partFlags, resumeCommand, shellWord, type TrainOptions, trainOptions } from './train-options.ts';
import { formatRate, TrainProgress } from './train-progress.ts';
import { makeTraining, sideOf, type Training, type TrainingSpec } from './training.ts';

export const command = defineCommand({
  name: 'train',
  summary: 'pre-train an encoder on images with SupCon, SimCLR, MoCo, BYOL and others',
  help: `
Shows the encoder two random views of every image and pulls the features of views that belong together: of one class (supcon), or of one image (the other methods).

A batch is compared with itself, so that small batches learn less. With moco, images are compared with a queue of thousands of vectors of earlier batches instead, which a second encoder made that follows the first one slowly; --batch-size 32 to 256 will do.

${dataHelp}

${encoderHelp}

--resume DIR needs no other option: data, encoder, method, views, schedule, batch and precision are those of the run. What is typed beside it must be the run's, but for --epochs, and for where the data lie. --config FILE begins a new training with the options of a config.json, --recipe NAME one with those of a published recipe, which its config then holds.

Writes the folder of a run: config.json (all that is needed to build the encoder again), metrics.jsonl (loss, learning rate and contrastive metrics of each step: top1, alignment, uniformity and others; of each epoch what the monitors say), checkpoints/STEP/ (weights as safetensors; the three newest are kept, and the best, which --run DIR/checkpoints/best names). Before the first step and after every fifth part of the epochs (--knn-every), the test images are classified by their 20 nearest training images (kNN, votes weighted with temperature 0.1). Chance is the share of whoever always names the most frequent class.

Ctrl-C stops after the step under way, saves a checkpoint and says how to go on. A loss that becomes NaN or infinite stops the run with its step; the last checkpoint stays. Other errors, and a reader of the output that goes away (| head), come after a checkpoint too.

--monitors watch the encoder's features of the training's own batches: probe (a linear classifier that learns along: its accuracy on images before it learns from them), knn (each image's class by the newest others), rank (RankMe: how many dimensions are used), spread (alignment, uniformity, and collapse at 0). They tell whether a training gets better, and change nothing in it.

With --json, one object a line: the events start, step, monitor, checkpoint, epoch and end, and at last { kind: "result", samplesPerSecond, loss, knnTop1, out, … }; with labelled test images also knnBefore, knnBest, chanceTop1 and testImages, without them knnTop1 is null.`,
  examples: [
    {
      run: 'contrastive train --data fashion-mnist:bundled --width 16 --epochs 5',
      explains: 'SupCon on the images of the package; about a minute on two cores.',
    },
    {
      run: 'contrastive train --data folder:photos --method simclr --out runs/photos',
      explains: 'SimCLR on photos without labels.',
    },
    {
      run: 'contrastive train --data folder:photos --method moco --batch-size 64 --queue 8192 --out runs/moco',
      explains: 'MoCo: small batches against 8192 keys.',
    },
    {
      run: 'contrastive train --data folder:photos --method simclr --encoder resnet50 --init resnet50-11ad3fa6.pth',
      explains: "Begins with torchvision's weights instead of random ones.",
    },
    {
      run: 'contrastive train --data folder:photos --method simclr --encoder ./my-net.ts --out runs/my-net',
      explains: 'Trains the network that my-net.ts makes.',
    },
    {
      run: 'contrastive train --data folder:photos --sampler class-balanced --sampler-classes 8 --sampler-per-class 16',
      explains: 'Batches of 8 classes with 16 images of each.',
    },
    {
      run: 'contrastive train --resume runs/photos',
      explains: 'Goes on where that run stopped; --epochs may be raised.',
    },
    {
      run: 'contrastive train --config runs/photos/config.json --seed 1 --out runs/photos-1',
      explains: 'The same training once more, from other weights.',
    },
    {
      run: 'contrastive train --recipe simclr-cifar10-lightly --data cifar10:data/cifar-10 --epochs 20',
      explains: 'A published recipe, for fewer epochs.',
    },
  ],
  options: trainOptions,
  derived: partFlags,
  run: train,
});

async function train(context: CommandContext<typeof trainOptions>): Promise<void> {
  const { given, signal, output } = context;
  const config = await readConfig(context.options);
  const options = withConfig(context.options, given, config);
  const { epochs, threads, resume } = options;
  checkSamplerFlags(options, given);
  if (options.data === undefined) throw new OptionError('contrastive train: --data NAME[:PATH] is required');
  const source = parseData(options.data);
  const spec = specOf(options, given, profileOf(source), config);
  using encoder = await newEncoder(spec.encoder, spec.input, spec.seed);
  const { limitTrain, limitTest, split, skipDamaged } = options;
  const splits = await loadSplits(source, {
    ...{ train: limitTrain, test: limitTest, trainSplit: split, skipDamaged, output, signal },
    side: sideOf(spec),
  });
  const { text, labelled } = await describeDataset(splits.train);
  output.print(text);
  const { test } = splits;
  const warning =
    test === undefined ? `${splits.noTest}; the kNN accuracy is not measured` : missingClasses({ ...splits, test });
  if (warning !== undefined) output.warn(warning);
  if (threads !== undefined) {
    setThreads(threads);
    setAugmentThreads(threads);
  }
  using training = makeTraining(spec, encoder, options.device);
  if (options.init !== undefined) output.print(`${options.init}: ${describeLoaded(await encoder.load(options.init))}`);
  const out = resolve(resume ?? options.out ?? (await nextRun(`runs/${source.name}-${spec.method.name}`)));
  const progress = new TrainProgress(output, epochs);
  let startStep: number | undefined; // until training begins
  const onEvent = (event: TrainEvent): void => {
    if (event.kind !== 'warning') output.emit(event);
    progress.show(event);
    if (event.kind === 'start') {
      ({ startStep } = event);
      output.print(startLine(event, spec, training, out));
    }
    if (event.kind === 'epoch') output.print(progress.epochLine(event));
  };
  try {
    const end = await training.trainer.fit(splits.train, {
      signal,
      out,
      resume: resume !== undefined,
      onEvent,
      checkpointEvery: options.checkpointEvery,
      data: dataOf(source, options),
      ...(spec.preset && { preset: spec.preset }),
      ...(spec.recipe && { recipe: spec.recipe }),
      ...(typeof spec.encoder.file === 'string' && { encoderFile: spec.encoder.file }),
      monitors: [
        ...monitorsOf(options.monitors),
        ...(splits.test && labelled ? [knnMonitor(training, { ...splits, test: splits.test }, options, progress)] : []),
      ],
      ...(options.monitorEvery !== undefined && { monitorEvery: options.monitorEvery }),
      monitorStart: true,
      best: 'knnTop1',
    });
    output.progress.done();
    const knn = knnHistory(await (await RunFolder.open(out)).metrics.read());
    report(end, { startStep, knn }, { output, out, device: training.encoder.device });
  } catch (error) {
    if (error instanceof AbortError) throw await stopped(error, out, options);
    const isWorthResuming = startStep !== undefined && !(error instanceof NonFiniteLossError);
    const hint = isWorthResuming ? await goOn(out, options) : undefined;
    if (hint !== undefined) output.warn(hint);
    throw error;
  }
}

function report(
  { step, loss, samplesPerSecond, seconds }: EndEvent,
  { startStep, knn }: { startStep: number | undefined; knn: KnnHistory | undefined },
  { output, out, device }: { output: Output; out: string; device: string },
): void {
  const hasTrained = step > (startStep ?? 0);
  if (!hasTrained && step > 0) output.warn(`${out}: has all its epochs already; a larger --epochs goes on`);
  if (hasTrained)
    output.print(
      `${counted(step, 'step')} in ${formatDuration(seconds)}: loss ${loss.toFixed(4)}, ${formatRate(samplesPerSecond)} images/s`,
    );
  if (knn !== undefined) {
    const { isBetter, text } = verdictOf(knn, step);
    for (const line of knnLines(knn)) output.print(line);
    output.print(text, isBetter ? 'good' : 'warning');
  }
  output.print(`${out}\nnext: contrastive eval --run ${shellWord(out)}`);
  output.emit({
    kind: 'result',
    samplesPerSecond,
    loss: Number.isFinite(loss) ? loss : null,
    knnTop1: knn ? lastOf(knn).top1 : null,
    ...(knn && {
      ...(knn.before !== undefined && { knnBefore: knn.before }),
      ...{ knnBest: bestOf(knn).top1, chanceTop1: knn.chance, testImages: knn.testImages },
    }),
    step,
    seconds,
    device,
    out,
  });
}

/** What the training computes in, and by which figures that was chosen. */
function precisionText({ precision, precisionSpeeds: speeds }: TrainEvent & { kind: 'start' }): string {
  if (speeds === undefined) return precision;
  const [other, slower] = precision === 'float32' ? ['bfloat16', speeds.bfloat16] : ['float32', speeds.float32];
  return `${precision} (${formatRate(speeds[precision])} images/s, ${other} ${formatRate(slower)})`;
}

/** Where the data came from, for the run's config. */
const dataOf = (source: DataSource, { limitTrain, split, skipDamaged }: TrainOptions): RunConfig['data'] => ({
  ...source,
  limit: limitTrain ?? null,
  ...(split !== 'train' && { split }),
  ...(skipDamaged && { skipDamaged }),
});

function startLine(
  event: TrainEvent & { kind: 'start' },
  { encoder: { name, width, file }, epochs }: TrainingSpec,
  training: Training,
  out: string,
): string {
  const network =
    file === undefined ? `${name}${width === undefined ? '' : ` of width ${width}`}` : `the network of ${file}`;
  const from = event.startStep > 0 ? `, from step ${event.startStep}` : '';
  return `${network} (${training.encoder.featureDim} features), ${precisionText(event)} on ${event.device}: ${counted(epochs, 'epoch')} of ${counted(event.stepsPerEpoch, 'step')}${from}, into ${out}`;
}

/** The first of `stem`-1, `stem`-2, … that is not there. */
async function nextRun(stem: string): Promise<string> {
  for (let n = 1; ; n++) if ((await statOrUndefined(`${stem}-${n}`)) === undefined) return `${stem}-${n}`;
}

/** Where a run stopped, and the command that goes on; undefined where nothing was saved. */
async function goOn(out: string, options: TrainOptions): Promise<string | undefined> {
  const steps = await RunFolder.open(out).then(
    (run) => run.steps(),
    () => [],
  );
  const step = steps.at(-1);
  return step === undefined
    ? undefined
    : `the checkpoint of step ${step} is in ${out}. To go on:\n  ${resumeCommand(out, options)}`;
}

async function stopped(error: AbortError, out: string, options: TrainOptions): Promise<AbortError> {
  const hint = await goOn(out, options);
  return new AbortError(hint ? `stopped; ${hint}` : 'stopped before the first step; nothing was saved', {
    cause: error,
  });
}
