/** `contrastive train`: pre-trains an encoder on a data set, into the folder of a run. */
import { join, resolve } from 'node:path';
import { RunFolder } from '../checkpoint/run.ts';
import { statOrUndefined } from '../data/files.ts';
import { fromRankZero, rank } from '../distributed/group.ts';
import { localDevice } from '../distributed/local-device.ts';
import { AbortError, NonFiniteLossError, OptionError } from '../errors.ts';
import { describeLoaded } from '../nn/weights-file.ts';
import { expectDevice } from '../tensor/runtime.ts';
import type { TrainEvent } from '../train/events.ts';
import { defineCommand } from './command.ts';
import type { PartialConfig } from './config-file.ts';
import { dataHelp, titleOf } from './data-option.ts';
import { encoderConfig, encoderHelp, expectEncoder, expectFile, newEncoder } from './encoder-option.ts';
import { usualCheckpointEvery } from './fit-data.ts';
import { knnHistory } from './knn-history.ts';
import { setMachine } from './machine.ts';
import { monitorsOf } from './monitor-option.ts';
import { together } from './together.ts';
import { encoderFrom, readConfig, withConfig } from './train-config.ts';
import { prepare, type TrainContext } from './train-data.ts';
import { knnMonitor } from './train-knn.ts';
import { partFlags, resumeCommand, type TrainOptions, trainOptions } from './train-options.ts';
import { reportEnd, startLine, TrainProgress } from './train-progress.ts';
import { makeTraining } from './training.ts';
import { withViews } from './views-file.ts';

export const command = defineCommand({
  name: 'train',
  summary: 'pre-train an encoder on images with SupCon, SimCLR, MoCo, BYOL and others',
  places: ['data'],
  help: `
Shows the encoder two random views of every image and pulls the features of views that belong together: of one class (supcon), or of one image (the other methods). Where nobody chooses, a folder with class folders is trained by supcon and one without by simclr; batches and epochs follow from the number of images; where there are classes and no test images, a fifth of each class is put aside to judge on.

A batch is compared with itself, so that small batches learn less. With moco, images are compared with a queue of thousands of vectors of earlier batches instead, which a second encoder made that follows the first one slowly; --batch-size 32 to 256 will do.

${dataHelp}

${encoderHelp}

--resume RUN needs no other option: data, encoder, method, views, schedule, batch and precision are those of the run. What is typed beside it must be the run's, but for --epochs, and for where the data lie. --config FILE begins a new training with the options of a config.json, --recipe NAME one with those of a published recipe, which its config then holds.

Writes the folder of a run: config.json (all that is needed to build the encoder again), metrics.jsonl (loss, learning rate and contrastive metrics of each step: top1, alignment, uniformity and others; of each epoch what the monitors say), checkpoints/STEP/ (weights as safetensors; the three newest are kept, and the best, which --run DIR/checkpoints/best names). Before the first step and after every fifth part of the epochs (--knn-every), the test images are classified by their 20 nearest training images (kNN, votes weighted with temperature 0.1). Chance is the share of whoever always names the most frequent class.

Ctrl-C stops after the step under way, saves a checkpoint and says how to go on. A loss that becomes NaN or infinite stops the run with its step; the last checkpoint stays. Other errors, and a reader of the output that goes away (| head), come after a checkpoint too.

Started by torchrun, srun or another launcher that sets RANK and WORLD_SIZE, several processes train as one: --batch-size is of all of them, the first one prints and writes. With --continue, a command that a launcher starts again after a fault goes on with its run.

--monitors watch the encoder's features of the training's own batches: probe (a linear classifier that learns along: its accuracy on images before it learns from them), knn (each image's class by the newest others), rank (RankMe: how many dimensions are used), spread (alignment, uniformity, and collapse at 0). They tell whether a training gets better, and change nothing in it.

With --json, one object a line: the events start, step, monitor, checkpoint, epoch and end, and at last { kind: "result", samplesPerSecond, loss, knnTop1, out, … }; with labelled test images also knnBefore, knnBest, chanceTop1 and testImages, without them knnTop1 is null.`,
  examples: [
    {
      run: 'contrastive train photos',
      explains: 'Your own images: by class folders, if there are some, else from the images alone.',
    },
    {
      run: 'contrastive train photos --size 96 --skip-damaged',
      explains:
        'Smaller views, a fifth of the usual pixels, which train faster; without the files that cannot be decoded.',
    },
    {
      run: 'contrastive resume runs/photos-supcon-1',
      explains: 'Goes on where that run stopped; --epochs may be raised.',
    },
    {
      run: 'contrastive train fashion-mnist:bundled --width 16 --epochs 5',
      explains: 'SupCon on the images of the package; about a minute on two cores.',
    },
    {
      run: 'contrastive train photos --method moco --batch-size 64 --queue 8192 --out runs/moco',
      explains: 'MoCo: small batches against 8192 keys.',
    },
    {
      run: 'contrastive train photos --encoder resnet50 --init resnet50-11ad3fa6.pth',
      explains: "Begins with torchvision's weights instead of random ones.",
    },
    {
      run: 'contrastive train photos --encoder ./my-net.ts --out runs/my-net',
      explains: 'Trains the network that my-net.ts makes.',
    },
    {
      run: 'contrastive train photos --sampler class-balanced --sampler-classes 8 --sampler-per-class 16',
      explains: 'Batches of 8 classes with 16 images of each.',
    },
    {
      run: 'contrastive train --config runs/photos/config.json --seed 1 --out runs/photos-1',
      explains: 'The same training once more, from other weights.',
    },
    {
      run: 'contrastive train cifar10:data/cifar-10 --recipe simclr-cifar10-lightly --epochs 20',
      explains: 'A published recipe, for fewer epochs.',
    },
  ],
  options: trainOptions,
  takesSeveral: true,
  derived: partFlags,
  run: train,
});

/** `contrastive train`, and `contrastive resume`. */
export async function train(context: TrainContext): Promise<void> {
  await together(() => trainHere(context), context);
}

/** This process's part. */
async function trainHere(context: TrainContext): Promise<void> {
  const { given, signal, output } = context;
  const { config, resume } = await fromRankZero(() => beginningOf(context.options, given));
  const options = withConfig({ ...context.options, resume }, given, config);
  const { init } = options;
  // What is not there is said before the images are looked through.
  expectDevice(localDevice(options.device));
  await expectEncoder(encoderConfig(encoderFrom({ options, given }, config?.encoder).name));
  if (init !== undefined) await expectFile(init, '; --init takes weights');
  const { source, spec, splits } = await prepare({ ...context, options }, config);
  setMachine(options);
  using encoder = await newEncoder(spec.encoder, spec.input, spec.seed);
  using training = makeTraining(spec, encoder, options.device);
  if (init !== undefined) output.print(`${init}: ${describeLoaded(await encoder.load(init))}`);
  const title = `${titleOf(source)}-${spec.method.name}`;
  const out = await fromRankZero(async () => resolve(resume ?? options.out ?? (await nextRun(`runs/${title}`))));
  const writes = rank() === 0;
  const progress = new TrainProgress(output, spec.epochs);
  let startStep: number | undefined; // until training begins
  const onEvent = (event: TrainEvent): void => {
    if (event.kind !== 'warning') output.emit(event);
    progress.show(event);
    if (event.kind === 'start') {
      ({ startStep } = event);
      output.print(startLine(event, spec, training.encoder.featureDim, out));
    }
    if (event.kind === 'epoch') output.print(progress.epochLine(event));
  };
  const { test, train } = splits;
  const knnPlan = { knnEvery: options.knnEvery, epochs: spec.epochs };
  const accuracy = test && train.labels && knnMonitor(training, { train, test }, knnPlan, progress);
  try {
    const end = await training.trainer.fit(splits.train, {
      signal,
      out,
      resume: resume !== undefined,
      onEvent,
      checkpointEvery: options.checkpointEvery ?? usualCheckpointEvery(splits.train.length),
      ...(splits.train.origin && { data: { ...splits.train.origin, testLimit: options.limitTest } }),
      ...(spec.preset && { preset: spec.preset }),
      ...(spec.recipe && { recipe: spec.recipe }),
      ...(typeof spec.encoder.file === 'string' && { encoderFile: spec.encoder.file }),
      monitors: [...monitorsOf(options.monitors), ...(accuracy ? [accuracy] : [])],
      ...(options.monitorEvery !== undefined && { monitorEvery: options.monitorEvery }),
      monitorStart: true,
      ...(accuracy && { best: 'knnTop1' }),
    });
    if (!writes) return;
    output.progress.done();
    const knn = knnHistory(await (await RunFolder.open(out)).metrics.read());
    const next = splits.test?.labels === undefined ? 'report' : 'eval';
    reportEnd(end, { startStep, knn, next }, { output, out, device: training.encoder.device });
  } catch (error) {
    if (!writes) throw error;
    if (error instanceof AbortError) throw await stopped(error, out, options);
    const isWorthResuming = startStep !== undefined && !(error instanceof NonFiniteLossError);
    const step = isWorthResuming ? await savedStep(out) : undefined;
    if (step !== undefined) output.warn(`the checkpoint of step ${step} is saved. ${goOnText(out, options)}`);
    throw error;
  }
}

interface Beginning {
  /** The run to go on with. */
  readonly resume: string | undefined;
  readonly config: PartialConfig | undefined;
}

/** What a training begins with. @throws {CheckpointError} `out` holds a run, which is not to go on. */
async function beginningOf(options: TrainOptions, given: ReadonlySet<string>): Promise<Beginning> {
  const { out, resume, continue: goesOn } = options;
  if (goesOn && (out === undefined || resume !== undefined))
    throw new OptionError('--continue goes with --out, the folder of the run, and not with --resume');
  if (goesOn && (await holdsRun(out as string))) return { resume: out, config: await readConfig({ resume: out }) };
  const own = await readConfig(options);
  const config = options.augment === undefined ? own : await withViews(own, options.augment, given);
  if (out !== undefined) await RunFolder.expectNone(out);
  return { resume, config };
}

const holdsRun = async (path: string): Promise<boolean> =>
  (await statOrUndefined(join(path, 'config.json'))) !== undefined;

/** The first of `stem`-1, `stem`-2, … that is not there. */
async function nextRun(stem: string): Promise<string> {
  for (let n = 1; ; n++) if ((await statOrUndefined(`${stem}-${n}`)) === undefined) return `${stem}-${n}`;
}

/** The step of a run's newest checkpoint; undefined where nothing was saved. */
const savedStep = async (out: string): Promise<number | undefined> =>
  RunFolder.open(out).then(
    async (run) => (await run.steps()).at(-1),
    () => undefined,
  );

const goOnText = (out: string, options: TrainOptions): string => `Go on with:\n  ${resumeCommand(out, options)}`;

async function stopped(error: AbortError, out: string, options: TrainOptions): Promise<AbortError> {
  const step = await savedStep(out);
  const text =
    step === undefined
      ? 'Stopped before the first step; nothing was saved.'
      : `Stopped at step ${step}; checkpoint saved. ${goOnText(out, options)}`;
  return new AbortError(text, { cause: error });
}
