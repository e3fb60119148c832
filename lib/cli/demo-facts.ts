/** What the demo's report says of how its numbers came about. */
import { loadAddon } from '../native/addon.ts';
import type { FittedPlan } from './demo-plan.ts';
import { recipe, temperature } from './demo-recipe.ts';
import type { LabelledSplits } from './evaluate-run.ts';
import { formatDuration } from './format.ts';
import type { ReportFact } from './report/report-data.ts';

export function demoFacts(
  { train, test }: LabelledSplits,
  { epochs, precision }: FittedPlan,
  { seed, device, seconds }: { readonly seed: number; readonly device: string; readonly seconds: number },
): ReportFact[] {
  const { torchVersion, threads } = loadAddon().info();
  return [
    { label: 'Training images', value: train.length.toLocaleString('en') },
    { label: 'Test images', value: test.length.toLocaleString('en') },
    { label: 'Encoder', value: `ResNet-18, width ${recipe.encoder.width}` },
    { label: 'Epochs, each method', value: String(epochs) },
    { label: 'Batch', value: `${recipe.batchSize} images, 2 views each` },
    { label: 'Peak learning rate', value: String(recipe.optimizer.lr) },
    { label: 'Temperature', value: String(temperature) },
    { label: 'Views', value: `preset ${recipe.preset.name}, colour jitter × ${recipe.preset.strength}` },
    { label: 'Precision', value: precision },
    { label: 'Seed', value: String(seed) },
    { label: 'Device', value: device === 'cpu' ? `cpu, ${threads} threads` : device },
    { label: 'libtorch', value: torchVersion },
    { label: 'Time', value: formatDuration(seconds) },
  ];
}
