/** A process that ends in the middle of a step. usage: end.ts exit|throw|reject|sigint|nothing|read|event DELAY_MS */
import * as ops from '../../../lib/tensor/ops.ts';
import { sync } from '../../../lib/tensor/runtime.ts';
import { enqueueSteps } from './step.ts';

const [mode, delay] = process.argv.slice(2);

await ops.ones([1]).data(); // the addon is loaded and its thread runs
enqueueSteps(mode === 'nothing' ? 3 : 100);

switch (mode) {
  case 'read':
    void ops.ones([2]).sum().item().then((value) => console.log(`read ${value}`));
    break;
  case 'nothing':
    break;
  default:
    void sync(); // a promise that is still open
    setTimeout(() => {
      if (mode === 'exit') process.exit(7);
      if (mode === 'throw') throw new Error('on purpose');
      if (mode === 'reject') void Promise.reject(new Error('on purpose'));
      if (mode === 'sigint') process.kill(process.pid, 'SIGINT');
    }, Number(delay));
}
