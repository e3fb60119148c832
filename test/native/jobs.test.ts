import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { onInteractiveStream } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** An operation whose shape is right, and whose index is not. */
function failsLater(): Tensor {
  return ops.ones([2]).indexSelect(0, tensor([5], { dtype: 'int64' }));
}

const causeOf = (value: Tensor): Promise<Error> =>
  value.data().then(
    () => expect.unreachable(),
    (error: Error) => error.cause as Error,
  );

describe('the stack of a call', () => {
  it.each([
    ['bulk', <T>(fn: () => T) => fn()],
    ['interactive', onInteractiveStream],
  ] as const)('is there for a job that failed long ago, among others that did not: %s stream', async (_, run) => {
    const failed: Tensor[] = [];
    for (let i = 0; i < 300; i++) {
      if (i % 100 === 50) failed.push(run(failsLater));
      run(() => ops.ones([2]).add(1)).dispose();
      if (i % 70 === 0) await run(sync);
    }
    await run(sync);
    run(() => ops.ones([1])).dispose(); // when stacks of jobs that are done go
    expect(failed).toHaveLength(3);
    for (const each of failed) {
      const cause = await run(() => causeOf(each));
      expect(cause.name).toBe('EnqueuedAt');
      expect(cause.stack).toMatch(/at failsLater .*jobs\.test\.ts:\d+:\d+/);
    }
  });

  it('does not hold what its frames held, once the job is done', async () => {
    /** Calls an operation by a method, whose receiver is in the stack. */
    class Caller {
      readonly values = new Array(1000).fill(0);
      call(): void {
        ops.ones([2]).add(1).dispose();
      }
    }
    const enqueue = (): WeakRef<Caller> => {
      const caller = new Caller();
      caller.call();
      return new WeakRef(caller);
    };
    const callers = Array.from({ length: 20 }, enqueue);
    await sync();
    await new Promise(setImmediate); // a WeakRef holds its target to the end of the turn
    collect();
    expect(callers.filter((caller) => caller.deref() !== undefined)).toEqual([]);
  });
});
