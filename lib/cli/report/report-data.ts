/** What a report is made of: plain data, checked before a line of HTML is written. */
import { DataError } from '../../errors.ts';
import type { Level, Training } from './chart.ts';

/** Images of one size, the pool that maps and galleries point into by index. */
export interface ReportImages {
  /** uint8 (count, height, width, channels). */
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  /** 1 (gray) or 3 (RGB). */
  readonly channels: number;
  /** Class index of each image, (count); −1 for none. */
  readonly labels: readonly number[];
}

/** What an encoder's features tell of the test images. */
export interface Judged {
  /** Share of test images classified correctly, 0 to 1. */
  readonly knnTop1: number;
  readonly linearTop1: number;
  /** Of a run of fine-tune on images of its classes: the share that its own classifier gets right. */
  readonly fineTuneTop1?: number;
  /** The class that kNN gives each test image, and the share of the votes that it got. */
  readonly predictions: readonly number[];
  readonly confidences: readonly number[];
}

/** A test image whose class kNN got wrong. */
export interface Mistake {
  /** Of the test images. */
  readonly test: number;
  /** Of the pool: the image, and its nearest training images, the nearest first. */
  readonly image: number;
  readonly neighbors: readonly number[];
}

export interface EncoderReport extends Judged {
  readonly name: string;
  /** float32 (points, 2): where `points` lie. */
  readonly map: Float32Array;
  /** For each of `queries`, its nearest training images in the pool, the nearest first. */
  readonly neighbors: readonly (readonly number[])[];
  /** Those with most votes for the wrong class first. */
  readonly mistakes: readonly Mistake[];
}

export interface Evaluation {
  readonly classes: readonly string[];
  /** Class index of each test image. */
  readonly labels: readonly number[];
  /** What to call each test image: its path below the folder of the data, or its number. */
  readonly names: readonly string[];
  readonly trainImages: number;
  /** Of whoever always names the class that most training images have. */
  readonly chanceTop1: number;
  /** The first is the reference that the others are compared with, where `hasReference`. */
  readonly encoders: readonly EncoderReport[];
  readonly hasReference: boolean;
  /** Why the test images may be nothing new to the encoders. */
  readonly doubt?: string;
  readonly images: ReportImages;
  /** What the maps show: images of the pool, and which test images they are. */
  readonly points: readonly { readonly image: number; readonly test: number }[];
  /** Images of the pool whose neighbours the gallery shows. */
  readonly queries: readonly number[];
}

/** Images without labels, and how encoders arrange them. */
export interface Arrangement {
  readonly images: ReportImages;
  /** Images of the pool that the maps show. */
  readonly points: readonly number[];
  /** Images of the pool whose neighbours the gallery shows. */
  readonly queries: readonly number[];
  readonly encoders: readonly Pick<EncoderReport, 'name' | 'map' | 'neighbors'>[];
}

export interface ReportFact {
  readonly label: string;
  readonly value: string;
}

export interface ReportData {
  readonly title: string;
  /** Run facts in the order to print them: data, encoder, epochs, batch, precision, seed, libtorch, time. */
  readonly facts: readonly ReportFact[];
  /** What was not used, and what could not be measured, in sentences. */
  readonly notes: readonly string[];
  /** Commands that do it again. */
  readonly commands: readonly string[];
  readonly trainings: readonly Training[];
  /** Levels in charts, by the figure that they belong to. */
  readonly levels: Readonly<Record<string, readonly Level[]>>;
  /** Absent without labelled test images. */
  readonly evaluation?: Evaluation;
  /** In its place, where no image has a label. */
  readonly arrangement?: Arrangement;
}

const fail = (message: string): never => {
  throw new DataError(`report: ${message}`);
};

function checkIndices(name: string, indices: readonly number[], bound: number): void {
  const bad = indices.find((i) => !Number.isInteger(i) || i < 0 || i >= bound);
  if (bad !== undefined) fail(`${name} must hold integers from 0 to ${bound - 1}, got ${bad}`);
}

function checkEncoder(encoder: EncoderReport, evaluation: Evaluation): void {
  const { labels, classes, images } = evaluation;
  const { name, knnTop1, linearTop1, fineTuneTop1 = 0, predictions, confidences, mistakes } = encoder;
  for (const [key, value] of Object.entries({ knnTop1, linearTop1, fineTuneTop1 }))
    if (!(value >= 0 && value <= 1)) fail(`${key} of '${name}' must be from 0 to 1, got ${value}`);
  for (const [key, values] of Object.entries({ predictions, confidences }))
    if (values.length !== labels.length)
      fail(`${key} of '${name}' must hold one value a test image, ${labels.length}, got ${values.length}`);
  checkIndices(`predictions of '${name}'`, predictions, classes.length);
  checkArranged(encoder, evaluation);
  const count = images.labels.length;
  for (const { test, image, neighbors: row } of mistakes) {
    checkIndices(`mistakes of '${name}'`, [image, ...row], count);
    checkIndices(`mistakes of '${name}'`, [test], labels.length);
  }
}

function checkImages({ pixels, height, width, channels, labels }: ReportImages): void {
  const count = labels.length;
  if (channels !== 1 && channels !== 3) fail(`images.channels must be 1 or 3, got ${channels}`);
  if (pixels.length !== count * height * width * channels)
    fail(`images.pixels must hold ${count} × ${height} × ${width} × ${channels} bytes, got ${pixels.length}`);
}

/** What both kinds of pages show of an encoder. */
function checkArranged(
  { name, map, neighbors }: Arrangement['encoders'][number],
  { points, queries, images }: Pick<Evaluation | Arrangement, 'points' | 'queries' | 'images'>,
): void {
  if (map.length !== points.length * 2)
    fail(`map of '${name}' must hold ${points.length} × 2 values, got ${map.length}`);
  if (!map.every(Number.isFinite)) fail(`map of '${name}' must be finite`);
  if (neighbors.length !== queries.length)
    fail(`neighbors of '${name}' must have ${queries.length} rows, got ${neighbors.length}`);
  for (const row of neighbors) checkIndices(`neighbors of '${name}'`, row, images.labels.length);
}

function checkArrangement(arrangement: Arrangement): void {
  const { images, points, queries, encoders } = arrangement;
  checkImages(images);
  checkIndices('points', points, images.labels.length);
  checkIndices('queries', queries, images.labels.length);
  for (const encoder of encoders) checkArranged(encoder, arrangement);
}

function checkEvaluation(evaluation: Evaluation): void {
  const { images, classes, labels, names, points, queries, encoders } = evaluation;
  const count = images.labels.length;
  checkImages(images);
  if (encoders.length === 0) fail('encoders must not be empty');
  if (names.length !== labels.length) fail(`names must hold ${labels.length} texts, got ${names.length}`);
  checkIndices('images.labels', images.labels, classes.length);
  checkIndices('labels', labels, classes.length);
  checkIndices(
    'points',
    points.map(({ image }) => image),
    count,
  );
  checkIndices(
    'points',
    points.map(({ test }) => test),
    labels.length,
  );
  checkIndices('queries', queries, count);
  for (const encoder of encoders) checkEncoder(encoder, evaluation);
}

/** Throws a DataError for the first thing in `data` that does not fit the rest. */
export function checkReportData({ trainings, evaluation, arrangement }: ReportData): void {
  for (const { name, curves } of trainings)
    for (const [figure, { epochs, values }] of Object.entries(curves)) {
      if (epochs.length !== values.length || values.length === 0)
        fail(`${figure} of '${name}' needs as many epochs as values, got ${epochs.length} and ${values.length}`);
      if (![...epochs, ...values].every(Number.isFinite)) fail(`${figure} of '${name}' must be finite`);
    }
  if (evaluation !== undefined) checkEvaluation(evaluation);
  if (arrangement !== undefined) checkArrangement(arrangement);
}
