/** What a report is made of: plain data, checked before a line of HTML is written. */
import { DataError } from '../../errors.ts';

/** Images of one size, the pool that maps and gallery point into by index. */
export interface ReportImages {
  /** uint8 (count, height, width, channels). */
  pixels: Uint8Array;
  height: number;
  width: number;
  /** 1 (gray) or 3 (RGB). */
  channels: number;
  /** Class index of each image, (count). */
  labels: readonly number[];
}

export interface LossCurve {
  /** Position of each value in epochs, a fraction inside an epoch; ascending. */
  epochs: readonly number[];
  values: readonly number[];
}

export interface EncoderReport {
  name: string;
  /** Share of test images classified correctly, 0 to 1. */
  knnTop1: number;
  linearTop1: number;
  /** Absent for an encoder that was not trained. */
  loss?: LossCurve;
  /** float32 (points, 2): where `ReportData.points` lie. */
  map?: Float32Array;
  /** For each of `ReportData.queries`, indices of its nearest training images, nearest first. */
  neighbors?: readonly (readonly number[])[];
}

export interface ReportFact {
  label: string;
  value: string;
}

export interface ReportData {
  title: string;
  /** Run facts in the order to print them: data, encoder, epochs, batch, precision, seed, libtorch, time. */
  facts: readonly ReportFact[];
  classes: readonly string[];
  /** How many test images the accuracies are over. */
  testCount: number;
  /** The first is the reference that the others are compared with: the untrained encoder. */
  encoders: readonly EncoderReport[];
  images: ReportImages;
  /** Images (indices) that the maps show. */
  points: readonly number[];
  /** Images (indices) whose neighbours the gallery shows. */
  queries: readonly number[];
}

/** Throws a DataError for the first thing in `data` that does not fit the rest. */
export function checkReportData(data: ReportData): void {
  const fail = (message: string): never => {
    throw new DataError(`report: ${message}`);
  };
  const { images, classes, points, queries, encoders } = data;
  const count = images.labels.length;
  const { height, width, channels } = images;
  if (channels !== 1 && channels !== 3) fail(`images.channels must be 1 or 3, got ${channels}`);
  if (images.pixels.length !== count * height * width * channels)
    fail(`images.pixels must hold ${count} × ${height} × ${width} × ${channels} bytes, got ${images.pixels.length}`);
  if (encoders.length === 0) fail('encoders must not be empty');
  const checkIndices = (name: string, indices: readonly number[], bound: number) => {
    const bad = indices.find((i) => !Number.isInteger(i) || i < 0 || i >= bound);
    if (bad !== undefined) fail(`${name} must hold integers from 0 to ${bound - 1}, got ${bad}`);
  };
  checkIndices('images.labels', images.labels, classes.length);
  checkIndices('points', points, count);
  checkIndices('queries', queries, count);
  for (const { name, knnTop1, linearTop1, loss, map, neighbors } of encoders) {
    for (const [key, value] of Object.entries({ knnTop1, linearTop1 }))
      if (!(value >= 0 && value <= 1)) fail(`${key} of '${name}' must be from 0 to 1, got ${value}`);
    if (loss && (loss.epochs.length !== loss.values.length || loss.values.length === 0))
      fail(`loss of '${name}' needs as many epochs as values, got ${loss.epochs.length} and ${loss.values.length}`);
    if (loss && ![...loss.epochs, ...loss.values].every(Number.isFinite)) fail(`loss of '${name}' must be finite`);
    if (map && map.length !== points.length * 2)
      fail(`map of '${name}' must hold ${points.length} × 2 values, got ${map.length}`);
    if (map && !map.every(Number.isFinite)) fail(`map of '${name}' must be finite`);
    if (neighbors && neighbors.length !== queries.length)
      fail(`neighbors of '${name}' must have ${queries.length} rows, got ${neighbors.length}`);
    for (const row of neighbors ?? []) checkIndices(`neighbors of '${name}'`, row, count);
  }
}
