/** A process of its own, for limits on the processor that hold from the start: trains and embeds, and prints what it says of precision. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmbedder, doctor, extractFeatures, presets, type TrainEvent, Trainer } from '../../lib/index.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

const folder = mkdtempSync(join(tmpdir(), 'emulated-'));
const warnings: string[] = [];
process.on('warning', ({ name, message }) => name === 'PrecisionWarning' && warnings.push(message));
try {
  const trained: Record<string, TrainEvent[]> = {};
  for (const precision of ['auto', 'bfloat16'] as const) {
    const events: TrainEvent[] = [];
    trained[precision] = events;
    const options = { ...tinyModels(), augment: tinyViews(), batchSize: 16, epochs: 1, precision };
    await new Trainer(options).fit(tinyDataset(), {
      out: join(folder, precision),
      onEvent: (event) => (event.kind === 'start' || event.kind === 'warning') && events.push(event),
    });
  }
  const embedded: string[] = [];
  for (const precision of ['auto', 'bfloat16', 'bfloat16'] as const) {
    const embedder = await createEmbedder({ checkpoint: join(folder, 'auto'), precision });
    embedded.push(embedder.info.precision);
    await embedder.close();
  }
  const augment = presets.evaluation({ size: 12, mean: 0.4, std: 0.25 });
  using features = (
    await extractFeatures(tinyModels().encoder, tinyDataset(), { evaluation: augment, precision: 'bfloat16' })
  ).features;
  const { bfloat16 } = (await doctor()).platform;
  console.log(JSON.stringify({ trained, embedded, warnings, bfloat16, features: features.shape }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
