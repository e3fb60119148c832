/** A process that computes contrastive losses, alone and with its share of the pairs, and prints how far the two are apart. */
import { destroyProcessGroup, initProcessGroup } from '../../lib/distributed/group.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import { withSharedWork } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

await initProcessGroup({ timeout: 60 });
const features = ops.randn([50, 2, 8], { seed: 1 }).to('float64');
const labels = tensor(Int32Array.from({ length: 50 }, (_, i) => i % 7));
const bank = ops.randn([70, 8], { seed: 2 }).to('float64');
const bankLabels = tensor(Int32Array.from({ length: 70 }, (_, i) => i % 9));
const ids = tensor(BigInt64Array.from({ length: 50 }, (_, i) => BigInt(i)));
const bankIds = tensor(BigInt64Array.from({ length: 70 }, (_, i) => BigInt(i + 20)));

const cases: Readonly<Record<string, object>> = {
  'NT-Xent': { minViews: 2 },
  'no bound': { normalize: false, temperature: 0.02 },
  'SupCon out': { labels },
  'SupCon in': { labels, variant: 'in' },
  'a denominator a positive': { labels, denominators: 'negatives-and-one-positive' },
  'inside, a denominator a positive': { labels, variant: 'in', denominators: 'negatives-and-one-positive' },
  DCL: { denominators: 'negatives', minViews: 2 },
  DCLW: { denominators: 'negatives', minViews: 2, sigma: 0.5, weightGradient: true },
  'hard negatives': { minViews: 2, concentration: 1, classPrior: 0.1 },
  'a bank': { labels, bank, bankLabels, ids, bankIds },
  queries: { minViews: 2, anchors: 'queries', bank, ids, bankIds },
  'first views': { labels, anchors: 'first' },
  'capped positives': { labels, maxPositives: 3 },
};

async function valuesOf(options: object): Promise<number[]> {
  const z = features.clone();
  z.requiresGrad = true;
  const learnedTemperature = tensor([0.2], { dtype: 'float64' });
  learnedTemperature.requiresGrad = true;
  const tau = 'temperature' in options || 'sigma' in options ? {} : { learnedTemperature };
  const [loss] = internal.contrastiveLoss(z, { block: 16, ...tau, ...options }) as unknown as [Tensor];
  loss.backward();
  const grads = [loss, z.grad as Tensor, ...('learnedTemperature' in tau ? [learnedTemperature.grad as Tensor] : [])];
  return (await Promise.all(grads.map((value) => value.data()))).flatMap((values) =>
    Array.from(values as Float64Array, Number),
  );
}

const largest = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))));

const losses: Record<string, number> = {};
for (const [name, options] of Object.entries(cases)) {
  const alone = await valuesOf(options);
  const shared = await withSharedWork(() => valuesOf(options));
  losses[name] = largest(alone, shared);
}
const metricsOf = () => internal.contrastiveMetrics(features.to('float32'), { labels, block: 16 }).data();
const alone = await metricsOf();
const shared = await withSharedWork(metricsOf);
losses.metrics = largest(Array.from(alone as Float32Array), Array.from(shared as Float32Array));

await destroyProcessGroup();
console.log(JSON.stringify(losses));
