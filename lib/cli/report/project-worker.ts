/** Worker thread of `projectFeatures`: one layout, posted back, done. */
import { parentPort, workerData } from 'node:worker_threads';
import { umapLayout } from './umap-layout.ts';

export interface ProjectionJob {
  features: Float32Array;
  n: number;
  dim: number;
  seed: number;
}

const { features, n, dim, seed } = workerData as ProjectionJob;
const layout = umapLayout(features, n, dim, seed);
parentPort?.postMessage(layout, [layout.buffer as ArrayBuffer]);
