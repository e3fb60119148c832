/** Projection of features to the plane, on a worker thread. */
import { types } from 'node:util';
import { Worker } from 'node:worker_threads';
import { AbortError, DataError, DTypeError, ShapeError } from '../../errors.ts';
import { seedOption, signalOption } from '../../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../../options/option.ts';
import { resolveOptions } from '../../options/resolve.ts';
import { describe, expectNumber, throwIfAborted } from '../../validate.ts';
import type { ProjectionJob } from './project-worker.ts';

const declared = {
  /** Same seed, same map. Default 0. */
  seed: seedOption,
  /** Ends the worker; the promise rejects with an AbortError. */
  signal: signalOption,
} as const satisfies OptionTable;

export interface ProjectOptions extends OptionsOf<typeof declared> {}

/**
 * Projects features to two dimensions with UMAP on cosine distances, without blocking the event loop.
 *
 * @param features float32 (n, dim), row-major.
 * @returns float32 (n, 2), row-major; units are arbitrary, only nearness has meaning.
 * @throws {DTypeError} features not a Float32Array. {ShapeError} length not n × dim. {DataError} a value that is not finite.
 *   {AbortError} the signal fired.
 */
export async function projectFeatures(
  features: Float32Array,
  n: number,
  dim: number,
  options: ProjectOptions = {},
): Promise<Float32Array> {
  const { seed, signal } = resolveOptions('projectFeatures', declared, options);
  expectNumber('n', n, { integer: true, min: 0 });
  expectNumber('dim', dim, { integer: true, min: 1 });
  if (!types.isFloat32Array(features))
    throw new DTypeError(`features must be a Float32Array, got ${describe(features)}`);
  if (features.length !== n * dim)
    throw new ShapeError(`features must hold n × dim = ${n} × ${dim} values, got ${features.length}`);
  const bad = features.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new DataError(`features must be finite, got ${features[bad]} in row ${Math.floor(bad / dim)}`);
  throwIfAborted(signal);
  if (n === 0) return new Float32Array(0);
  return run({ features, n, dim, seed }, signal);
}

function run(job: ProjectionJob, signal: AbortSignal | undefined): Promise<Float32Array> {
  return new Promise((resolve, reject) => {
    const worker = startWorker(job);
    const abort = () => {
      reject(new AbortError(undefined, { cause: signal?.reason }));
      void worker.terminate();
    };
    signal?.addEventListener('abort', abort, { once: true });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => {
      signal?.removeEventListener('abort', abort);
      reject(new DataError(`the projection worker ended with code ${code} before it gave a result`));
    });
  });
}

/** The built package has a .js beside this file. From source (tests, tsx) it is .ts: for a Node that strips types, or through tsx. */
function startWorker(job: ProjectionJob): Worker {
  if (!import.meta.url.endsWith('.ts'))
    return new Worker(new URL('./project-worker.js', import.meta.url), { workerData: job });
  const script = new URL('./project-worker.ts', import.meta.url);
  if ('typescript' in process.features && process.features.typescript) return new Worker(script, { workerData: job });
  const tsx = import.meta.resolve('tsx/esm/api');
  const code = `import('${tsx}').then((tsx) => { tsx.register(); return import('${script}'); })`;
  return new Worker(code, { eval: true, workerData: job, execArgv: [] });
}
