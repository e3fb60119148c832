/** A process that ends in the middle of a step. usage: end.ts exit|throw|listener|really|reject|sigint|handler|nothing|read DELAY_MS */
import * as ops from '../../../lib/tensor/ops.ts';
import { sync } from '../../../lib/tensor/runtime.ts';
import { enqueueSteps } from './step.ts';

const [mode, delay] = process.argv.slice(2);

if (mode === 'listener')
  process.on('exit', () => {
    throw new Error('on purpose'); // before the addon's own listener, which then never runs
  });

/** Settles when everything is done, which the process does not wait for: a promise that is open while it ends. */
const steps = (): void => {
  enqueueSteps(150);
  void sync();
};

await ops.ones([1]).data(); // the addon is loaded and its thread runs
switch (mode) {
  case 'exit':
    steps();
    setTimeout(() => process.exit(7), Number(delay));
    break;
  case 'listener':
    steps();
    setTimeout(() => process.exit(1), Number(delay));
    break;
  case 'really':
    steps();
    setTimeout(() => (process as unknown as { reallyExit(code: number): void }).reallyExit(3), Number(delay));
    break;
  case 'throw':
    steps();
    setTimeout(() => {
      throw new Error('on purpose');
    }, Number(delay));
    break;
  case 'reject':
    steps();
    setTimeout(() => void Promise.reject(new Error('on purpose')), Number(delay));
    break;
  case 'sigint':
    steps();
    setTimeout(() => process.kill(process.pid, 'SIGINT'), Number(delay));
    break;
  case 'handler': // as the command line does
    steps();
    process.on('SIGINT', () => process.exit(130));
    setTimeout(() => process.kill(process.pid, 'SIGINT'), Number(delay));
    break;
  case 'nothing': // work is queued, but nobody waits for it
    enqueueSteps(150);
    break;
  case 'read': // a read keeps the process alive
    void enqueueSteps(20)
      .item()
      .then((loss) => console.log(`read ${Number.isFinite(loss)}`));
    break;
  default:
    throw new Error(`unknown mode ${mode}`);
}
