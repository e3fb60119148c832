/** A process whose worker joins a group, and ends; then the process joins one itself, and prints what it computes there. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { destroyProcessGroup, initProcessGroup } from '../../lib/distributed/group.ts';
import * as ops from '../../lib/tensor/ops.ts';

if (!isMainThread) {
  await initProcessGroup({ timeout: 20 });
  parentPort?.postMessage('joined');
  setInterval(() => {}, 1000);
} else {
  // A worker's entry file is not transformed by --import tsx on Node 20.
  const entry = JSON.stringify(import.meta.url);
  const start = `import('tsx/esm/api').then(({ register }) => { register(); return import(${entry}); });`;
  const worker = new Worker(start, { eval: true });
  await once(worker, 'message');
  await worker.terminate();
  await initProcessGroup({ timeout: 20 });
  const sum = await ops.allReduce_(ops.ones([2])).data();
  await destroyProcessGroup();
  process.stdout.write(JSON.stringify([...sum]));
}
