/** A process of a group: does the trainings of its first argument, one after the other or at once, and prints what came of them. */
import { destroyProcessGroup, initProcessGroup, isDistributed } from '../../lib/distributed/group.ts';
import { type Trained, type Training, train } from './tiny-training.ts';

interface Given {
  readonly trainings: readonly Training[];
  /** Seconds that the others are waited for. */
  readonly timeout?: number;
  readonly areAtOnce?: boolean;
}

const { trainings, timeout = 60, areAtOnce = false } = JSON.parse(process.argv[2] as string) as Given;
const results: Trained[] = [];
if (process.env.WORLD_SIZE !== '1') await initProcessGroup({ timeout });
const begun = areAtOnce ? trainings.map(train) : [];
for (const [i, training] of trainings.entries()) {
  const trained = await (begun[i] ?? train(training));
  results.push(process.env.RANK === '0' ? trained : { ...trained, weights: [], gradients: [] });
  if (trained.error && !isDistributed()) break;
}
await destroyProcessGroup();
process.stdout.write(JSON.stringify(results));
