/** A process of a group that calls other collectives than the others; and joins them again, at the same place, after each error. */
import { destroyProcessGroup, initProcessGroup, rank } from '../../lib/distributed/group.ts';
import { messageOf } from '../../lib/errors.ts';
import * as ops from '../../lib/tensor/ops.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';

/** What rank 0 calls, and rank 1. */
const cases: readonly (readonly [() => Tensor, () => Tensor])[] = [
  [() => ops.allReduce_(ops.ones([3])), () => ops.allReduce_(ops.ones([1]))],
  [() => ops.allGather(ops.ones([2])), () => ops.broadcast_(ops.ones([2]))],
  [() => ops.wholeBatch(ops.ones([5, 2])), () => ops.wholeBatch(ops.ones([3, 2]))],
];
const messages: string[] = [];
for (const calls of cases) {
  await initProcessGroup({ timeout: 20, ...JSON.parse(process.argv[2] as string) });
  try {
    await calls[rank()]?.().data();
    messages.push('no error');
  } catch (error) {
    messages.push(messageOf(error));
  }
  await destroyProcessGroup({ reason: messages.at(-1) as string });
}
await initProcessGroup({ timeout: 20, ...JSON.parse(process.argv[2] as string) });
messages.push(String(await ops.allReduce_(ops.ones([1])).item()));
await destroyProcessGroup();
process.stdout.write(JSON.stringify(messages));
