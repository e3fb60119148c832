/** A process of a training: prints its events and the weights that came out, as one line of JSON. */
import { writeFileSync } from 'node:fs';
import { destroyProcessGroup } from '../../lib/distributed/group.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { tinyDataset, tinyModels, tinyViews } from '../train/tiny.ts';
import { doubleModels } from './double.ts';

const given = JSON.parse(process.argv[2] as string);
const { fit = {}, count = 48, double = false, result, ...options } = given;
const { encoder, head } = double ? doubleModels() : tinyModels();
const trainer = new Trainer({
  ...{ encoder, head, augment: tinyViews(), batchSize: 16, epochs: 2 },
  optimizer: { name: 'sgd', lr: 0.1, momentum: 0.9 },
  ...options,
});
const events: unknown[] = [];
let error: unknown;
try {
  await trainer.fit(tinyDataset(count), { ...fit, onEvent: (event) => void events.push(event) });
} catch (caught) {
  error = { code: (caught as { code?: string }).code, message: (caught as Error).message };
}
const weights: Record<string, number[]> = {};
for (const [prefix, part] of Object.entries({ encoder, head }))
  for (const [name, value] of part.stateDict()) weights[`${prefix}.${name}`] = Array.from(await value.data(), Number);
await destroyProcessGroup();
writeFileSync(`${result}-${process.env.RANK ?? 0}.json`, JSON.stringify({ events, error, weights }));
