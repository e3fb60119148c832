/** A process of its own, for an environment that holds from the start: an operation that fails on the device, and what is said of it. */
import { compile } from '../../lib/tensor/compile.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { device, failIn, openDevice } from '../device/device.ts';

const failing = (x: Tensor): Tensor => x.add(1);
const behindIt = (x: Tensor): Tensor => x.mul(2);
const recorded = compile((x: Tensor) => behindIt(failing(x)));

async function main(): Promise<void> {
  openDevice();
  const x = ops.ones([4], { device });
  await recorded(x).data();
  await sync();
  const said: { message: string; stack: string }[] = [];
  for (const call of [(): Tensor => behindIt(failing(x)), (): Tensor => recorded(x)]) {
    failIn(1);
    try {
      await call().data();
    } catch (error) {
      const { message, stack, cause } = error as Error;
      said.push({ message, stack: `${stack}\n${(cause as Error | undefined)?.stack}` });
    }
  }
  console.log(JSON.stringify(said));
}

main();
