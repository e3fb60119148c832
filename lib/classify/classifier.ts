/** An encoder with a linear classifier on top: predicts the classes of data sets, judges itself, is saved and loaded. */
import type { Augmentation } from '../augment/augment.ts';
import type { Dataset } from '../data/dataset.ts';
import { classifierName, type Encoder } from '../encoders/all.ts';
import { DataError, OptionError } from '../errors.ts';
import { expectEvaluation, extractFeatures, passOptions } from '../evaluate/features.ts';
import { inTurn, type Part, partsOf } from '../evaluate/in-turn.ts';
import { accuracyOf, topFiveOf } from '../evaluate/labelled.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import { encodeSafetensors } from '../files/safetensors.ts';
import { inEvaluation } from '../nn/evaluation.ts';
import { Module } from '../nn/module.ts';
import { weightsMetadata } from '../nn/weights-file.ts';
import { instanceOf } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { asGiven, resolveOptions } from '../options/resolve.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import { zeros } from '../tensor/ops.ts';
import { rawState } from '../tensor/raw-tensors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectString } from '../validate.ts';

const partOptions = {
  /** Images to features; the classifier takes it over. */
  encoder: { type: 'checked', required: true, check: instanceOf<Encoder>(Module, 'a Module') },
  /** Features to logits, `linearHead(…)`; the classifier takes it over. */
  head: { type: 'checked', required: true, check: instanceOf<Module>(Module, 'a Module') },
  /** How images become the encoder's input: `presets.evaluation(…)`, with the mean and std of training. */
  evaluation: { type: 'checked', required: true, check: expectEvaluation },
  /** One name a class; default '0', '1', …. */
  classes: { type: 'checked', check: asGiven<readonly string[]> },
} as const satisfies OptionTable;

export interface ClassifierParts extends OptionsOf<typeof partOptions> {}
export interface PredictOptions extends OptionsOf<typeof passOptions> {}

export interface Predictions {
  /** The most probable class of each image. */
  readonly predictions: Int32Array;
  /** (images, classes), row by row: each row is above 0 and sums to 1. */
  readonly probabilities: Float32Array;
}

export interface ClassifierAccuracy extends Predictions {
  /** Share of the images whose class was predicted, 0 to 1. */
  readonly accuracy: number;
  /** Share of the images whose class is among the five most probable; absent with five classes or fewer. */
  readonly top5?: number;
}

const rowsAJob = 4096;

/**
 * Made by `fineTune()` and `loadClassifier()`; or from parts of your own. Holds native memory until `dispose()`.
 * @example
 * using classifier = await loadClassifier({ checkpoint: 'runs/fine-tuned' });
 * const { accuracy } = await classifier.evaluate(await loadDataset('folder', { root: 'photos', split: 'test' }));
 */
export class Classifier implements Disposable {
  readonly encoder: Encoder;
  readonly head: Module;
  readonly evaluation: Augmentation;
  /** Names; a prediction indexes them. */
  readonly classes: readonly string[];

  /** @throws {OptionError | ShapeError} parts that do not fit together. */
  constructor(parts: ClassifierParts) {
    const { encoder, head, evaluation, classes: names } = resolveOptions('Classifier', partOptions, parts);
    const outputs = outputsOf(head, encoder.featureDim);
    const classes = names ?? Array.from({ length: outputs }, (_, label) => String(label));
    if (classes.length !== outputs)
      throw new OptionError(`classes must be ${outputs} names, one an output of the head, got ${classes.length}`);
    this.encoder = encoder;
    this.head = head;
    this.evaluation = evaluation;
    this.classes = [...classes];
  }

  get device(): string {
    return this.encoder.device;
  }

  /**
   * The class of each image of a data set, in order; labels are not looked at. Progress counts images. For images one by one, by
   * their bytes or paths, there is `createClassifier`.
   * @throws {DataError} an image that cannot be read, with its index. @throws {AbortError} the signal fired.
   */
  async predict(dataset: Dataset, options: PredictOptions = {}): Promise<Predictions> {
    const { labels: _, ...predictions } = await this.#predict('predict', dataset, options);
    return predictions;
  }

  /**
   * Predicts, and compares with the labels.
   * @throws {DataError} a data set without labels. Otherwise as predict.
   */
  async evaluate(dataset: Dataset, options: PredictOptions = {}): Promise<ClassifierAccuracy> {
    const { labels, ...found } = await this.#predict('evaluate', dataset, options);
    if (labels === undefined) throw new DataError(`${dataset.name}: evaluation needs a label for every image`);
    const ranks = labels.map((label, i) => rankOf(found.probabilities, i, label, this.classes.length));
    return {
      accuracy: accuracyOf(found.predictions, labels),
      ...topFiveOf(ranks, labels, this.classes.length),
      ...found,
    };
  }

  async #predict(
    where: string,
    dataset: Dataset,
    options: PredictOptions,
  ): Promise<Predictions & { labels: Int32Array | undefined }> {
    const resolved = resolveOptions(where, passOptions, options);
    const { features, labels } = await extractFeatures(this.encoder, dataset, {
      ...resolved,
      evaluation: this.evaluation,
    });
    using _ = features;
    const [rows] = features.shape as [number];
    const probabilities = new Float32Array(rows * this.classes.length);
    const classify = ({ begin, size }: Part): Promise<Float32Array> =>
      tidy(async () => {
        const part = features.narrow(0, begin, size);
        const logits = noGrad(() => inEvaluation([this.head], () => this.head.forward(part)));
        return (await noGrad(() => logits.softmax(1)).data()) as Float32Array;
      });
    let filled = 0;
    for await (const part of inTurn(partsOf(rows, rowsAJob), classify, resolved.signal)) {
      probabilities.set(part, filled);
      filled += part.length;
    }
    return { predictions: largest(probabilities, this.classes.length), probabilities, labels };
  }

  /** Parameters and buffers under torchvision's names, the head's as 'fc.weight' and 'fc.bias' of a ResNet; live handles. */
  stateDict(): ReadonlyMap<string, Tensor> {
    const at = classifierName(this.encoder.config);
    const ofHead = [...this.head.stateDict()].map(([name, value]) => [`${at}.${name}`, value] as const);
    return new Map([...this.encoder.stateDict(), ...ofHead]);
  }

  /**
   * Writes one safetensors file that torchvision's network of the same name and number of classes loads (but MobileNetV3, whose
   * classifier has one layer more there), and `loadEncoder`. A run's folder, which `fineTune` writes with `out`, holds more: what
   * `loadClassifier` and `createEmbedder` need.
   */
  async save(file: string): Promise<void> {
    const path = expectString('file', file);
    const metadata = weightsMetadata(this.encoder.config);
    await writeFileAtomic(path, encodeSafetensors(await rawState(this.stateDict()), metadata));
  }

  /** Frees the encoder and the head. */
  dispose(): void {
    this.encoder.dispose();
    this.head.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The class of the largest value of each row, the lowest of equals. */
function largest(rows: Float32Array, classes: number): Int32Array {
  return Int32Array.from({ length: rows.length / classes }, (_, i) => {
    let best = 0;
    for (let c = 1; c < classes; c++)
      if ((rows[i * classes + c] as number) > (rows[i * classes + best] as number)) best = c;
    return best;
  });
}

/** How many classes are more probable than `label`; all of them for NaN. */
function rankOf(rows: Float32Array, row: number, label: number, classes: number): number {
  const own = rows[row * classes + label] as number;
  let larger = 0;
  for (let c = 0; c < classes; c++) if (!((rows[row * classes + c] as number) <= own)) larger++;
  return larger;
}

/** Length of a head's output. @throws {ShapeError} it is for other features. */
function outputsOf(head: Module, features: number): number {
  const two = () => head.forward(zeros([2, features], { device: head.device })).shape[1] as number;
  return tidy(() => noGrad(() => inEvaluation([head], two)));
}
