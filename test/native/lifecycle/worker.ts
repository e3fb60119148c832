/**
 * A worker that computes. workerData: { end: 'finish' | 'throw' | 'exit' | 'run', device }; 'run' computes until it is
 * terminated.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { loadDevice } from '../../device/device.ts';
import { enqueueSteps } from './step.ts';

const { end, device } = workerData as { end: string; device: string };
if (device !== 'cpu') loadDevice();
const loss = await enqueueSteps(1, device).item();
parentPort?.postMessage(loss);
if (end === 'finish') parentPort?.postMessage(enqueueSteps(2, device).itemSync());
if (end !== 'finish') void enqueueSteps(40, device).data();
if (end === 'throw') throw new Error('on purpose');
if (end === 'exit') process.exit(5);
if (end === 'run')
  for (;;) {
    enqueueSteps(5, device);
    await new Promise(setImmediate);
  }
