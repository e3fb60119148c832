/** A step over a batch that is larger than what the encoder holds at once: gradient caching. */
import { StateError } from '../errors.ts';
import { FeatureMethod, type Method, type Targets } from '../methods/method.ts';
import { Views } from '../methods/views.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { compile } from '../tensor/compile.ts';
import { enableGrad, keepRunningStatistics, noGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { withKeysOf } from '../tensor/random.ts';
import { sync } from '../tensor/runtime.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { AveragedWeights } from './averaged-weights.ts';
import type { TrainBatch } from './batches.ts';
import { graphWarning } from './graph-warning.ts';
import { handedOn, onlyPart, refusalOf, StepGuard } from './guard.ts';
import type { LargeBatch } from './large-batches.ts';
import type { ResolvedOptions } from './options.ts';
import { isRecorded, modeKeyOf } from './purity.ts';
import { reportOf, resultOf, type StepResult } from './report.ts';
import { labelsToSee, readTogether, SharedStep, stopOf } from './shared-step.ts';
import type { StepContext } from './step.ts';
import { scalarOf, targetsOf, tensorsOf } from './targets.ts';
import type { Watch } from './watch.ts';

type ViewTensors = Pick<TrainBatch, 'images' | 'viewOrder'>;

/** The labels and ids of a batch, from its micro-batches'. */
class TargetCollector {
  readonly #labels: number[] = [];
  readonly #ids: bigint[] = [];

  add({ labels, ids }: Pick<TrainBatch, 'labels' | 'ids'>): void {
    this.#labels.push(...(labels ?? []));
    this.#ids.push(...ids);
  }

  /** Labels are of all samples, or of none. */
  all(): Pick<TrainBatch, 'labels' | 'ids'> {
    const isLabelled = this.#labels.length === this.#ids.length;
    return { labels: isLabelled ? Int32Array.from(this.#labels) : undefined, ids: BigInt64Array.from(this.#ids) };
  }
}

/** Waits for the work before the one given: one micro-batch computes, one is enqueued behind it. */
function oneBehind(): (done: Promise<unknown>) => Promise<void> {
  let previous: Promise<unknown> = Promise.resolve();
  return async (done) => {
    done.catch(() => {}); // heard when its turn comes, or at the step's own read
    await previous;
    previous = done;
  };
}

/**
 * The gradient of a loss over the whole batch with the memory of a micro-batch, for one more forward pass.
 *
 * With features z = f(x) of all samples, ∂L/∂θ = Σ_m ∂L/∂z_m · ∂z_m/∂θ over the micro-batches m: the loss needs all z, but
 * its gradient in z, once known, lets each micro-batch be back-propagated by itself.
 *
 * Source: Gao et al. 2021, arXiv:2101.06983, section 3.2. Batch normalisation takes its statistics within micro-batches;
 * the running ones move in the second pass alone, once a micro-batch.
 */
export function makeCachedStep(
  options: ResolvedOptions,
  optimizer: Optimizer,
  method: Method,
  watch?: Watch,
  average?: AveragedWeights,
) {
  if (!(method instanceof FeatureMethod)) throw new StateError('isOfFeatures is of methods that extend FeatureMethod');
  const guard = new StepGuard(options, optimizer, method);
  const shared = options.ranks && new SharedStep(options.ranks, options, method);
  const whole = ({ images, viewOrder }: ViewTensors): { features: Tensor; encoded?: Tensor } => {
    const views = new Views(images, viewOrder);
    const features = method.features(views);
    const encoded = watch?.features(views.batch);
    return { features, ...(encoded && { encoded }) };
  };
  /** @param isFirst of its step: the others add to gradients that are there, which is another recording. */
  const addGradients = ({
    gradient,
    ...views
  }: ViewTensors & { readonly gradient: Tensor; readonly isFirst: boolean }) =>
    whole(views).features.backward(gradient);
  const recorded = { key: () => modeKeyOf(options, method), graph: options.graph };
  const compiled = isRecorded(options, method)
    ? { pass: compile(whole, recorded), backward: compile(addGradients, recorded) }
    : undefined;
  const { pass, backward } = compiled ?? { pass: whole, backward: addGradients };
  const tellWhyNoGraphs = graphWarning(options, compiled?.pass, compiled?.backward);
  /** Both passes of a micro-batch drop the same elements. @param place of the micro-batch in its step. */
  const withKeys = <T>(step: number, place: number, work: () => T): T => withKeysOf([options.seed, step, place], work);

  const own = (micro: TrainBatch): Pick<Targets, 'labels' | 'ids'> => {
    const { labels, ids } = tensorsOf(micro, options);
    return { labels: labels ?? (watch?.seesFeatures ? labelsToSee(micro) : undefined), ids };
  };

  /** Features of all samples, (batch, views, dim), without autograd; and the targets, which are read on the way. */
  const cacheFeatures = async (batch: LargeBatch, step: number, signal: AbortSignal | undefined) => {
    const parts: Tensor[] = [];
    const encoded: Tensor[] = [];
    const targets = new TargetCollector();
    const ofAll: ReturnType<typeof readTogether>[] = [];
    const paced = oneBehind();
    for await (const micro of batch.microBatches(signal)) {
      using _ = micro;
      const { images, viewOrder } = micro;
      const part = tidy(() =>
        noGrad(() => keepRunningStatistics(() => withKeys(step, parts.length, () => pass({ images, viewOrder })))),
      );
      parts.push(part.features);
      if (part.encoded) encoded.push(part.encoded);
      if (shared) ofAll.push(readTogether(tidy(() => shared.targets(own(micro)))));
      else targets.add(micro);
      await paced(part.features.ready());
    }
    for (const { targets: whole } of await Promise.all(ofAll)) targets.add(whole);
    const features = ops.cat(parts);
    features.requiresGrad = true;
    if (encoded.length > 0) watch?.observe(ops.cat(encoded), targets.all());
    return { features, targets: targets.all() };
  };

  /** Adds up the parameters' gradients, given that of the features. */
  const backPropagate = async (batch: LargeBatch, gradient: Tensor, step: number, signal: AbortSignal | undefined) => {
    const paced = oneBehind();
    let start = 0;
    let place = 0;
    for await (const micro of batch.microBatches(signal)) {
      using _ = micro;
      const size = micro.ids.length * (shared?.ranks.gather ? shared.ranks.worldSize : 1);
      const { images, viewOrder } = micro;
      tidy(() => {
        const inputs = { images, viewOrder, gradient: gradient.narrow(0, start, size), isFirst: place === 0 };
        withKeys(step, place, () => backward(inputs));
      });
      place++;
      start += size;
      await paced(sync());
    }
    await paced(Promise.resolve());
  };

  const run = (
    batch: LargeBatch,
    { step, learningRate, progress, decay, stop, signal }: StepContext & { readonly signal: AbortSignal | undefined },
  ): Promise<StepResult & { readonly targets: Pick<TrainBatch, 'labels' | 'ids'> }> =>
    enableGrad(() =>
      tidy(async () => {
        try {
          let status = guard.begin(onlyPart);
          const { features, targets } = await cacheFeatures(batch, step, signal);
          await shared?.expectSame(compiled?.pass);
          const tensors = targetsOf(targets, options, method, progress);
          const compare = () => {
            const compared = { features, ...method.lossOf(features, tensors) };
            return [compared, options.metrics ? method.metrics(compared, tensors) : undefined] as const;
          };
          const [value, metrics] = shared ? shared.ranks.inCommon(compare) : compare();
          const report = shared ? shared.report(value, metrics) : reportOf(value, metrics);
          status = guard.checkLoss(report.narrow(0, 0, 1), status);
          const stopped = shared && stopOf(stop);
          if (shared && stopped) status = shared.agree(status, stopped);
          const result = resultOf(await report.data(), options);
          if (Number.isFinite(result.loss)) {
            guard.scaled(value.loss).backward();
            await backPropagate(batch, features.grad as Tensor, step, signal);
            status = guard.checkFeatures(features, status);
            if (shared) status = shared.reduce(shared.agree(status, stopOf(undefined)));
            status = guard.update(optimizer.ratesAt(learningRate, progress), status);
            status = handedOn(method.afterUpdate(value, tensors, status));
            if (average && decay !== undefined)
              status = average.follow(scalarOf(decay, options.encoder.device), status);
          }
          const refusal = refusalOf(await guard.end(status, onlyPart).item());
          if (refusal.refused !== undefined) optimizer.zeroGrad();
          const isStopped = stopped !== undefined && (await stopped.item()) !== 0;
          const lossScale = await options.lossScale?.scale.item();
          tellWhyNoGraphs();
          return {
            ...{ ...result, gradientNorm: await optimizer.gradientNorm.item(), ...refusal, targets, isStopped },
            ...(lossScale !== undefined && { lossScale }),
          };
        } catch (error) {
          guard.abandon();
          throw error;
        }
      }),
    );
  const dispose = (): void => {
    compiled?.pass.dispose();
    compiled?.backward.dispose();
    guard[Symbol.dispose]();
  };
  return { run, [Symbol.dispose]: dispose };
}
