/**
 * A process whose worker joins a group, and ends; then the process joins one itself, and prints what it computes there, and what a
 * worker hears that joins in unasked.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { destroyProcessGroup, initProcessGroup } from '../../lib/distributed/group.ts';
import * as ops from '../../lib/tensor/ops.ts';

if (!isMainThread) {
  if (workerData === 'uninvited') {
    const code = await ops
      .allReduce_(ops.ones([2]))
      .data()
      .then(
        () => 'none',
        ({ code }) => code,
      );
    parentPort?.postMessage(code);
  } else {
    await initProcessGroup({ timeout: 20 });
    parentPort?.postMessage('joined');
  }
  setInterval(() => {}, 1000);
} else {
  // A worker's entry file is not transformed by --import tsx on Node 20.
  const entry = JSON.stringify(import.meta.url);
  const start = `import('tsx/esm/api').then(({ register }) => { register(); return import(${entry}); });`;
  const worker = new Worker(start, { eval: true, workerData: 'first' });
  await once(worker, 'message');
  await worker.terminate();
  await initProcessGroup({ timeout: 20 });
  const sum = await ops.allReduce_(ops.ones([2])).data();
  const other = new Worker(start, { eval: true, workerData: 'uninvited' });
  const [code] = await once(other, 'message');
  await other.terminate();
  await destroyProcessGroup();
  process.stdout.write(JSON.stringify([...sum, code]));
}
