/** A worker that computes. workerData: { end: 'finish' | 'throw' | 'exit' | 'run' }; 'run' computes until it is terminated. */
import { parentPort, workerData } from 'node:worker_threads';
import { enqueueSteps } from './step.ts';

const { end } = workerData as { end: string };
const loss = await enqueueSteps(1).item();
parentPort?.postMessage(loss);
if (end === 'finish') parentPort?.postMessage(enqueueSteps(2).itemSync());
if (end !== 'finish') void enqueueSteps(40).data();
if (end === 'throw') throw new Error('on purpose');
if (end === 'exit') process.exit(5);
if (end === 'run')
  for (;;) {
    enqueueSteps(5);
    await new Promise(setImmediate);
  }
