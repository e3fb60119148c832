import { afterEach, describe, expect, it } from 'vitest';
import { ContrastiveError, type ErrorCode, ShapeError } from '../../lib/errors.ts';
import { guard, guardAsync, nativeError } from '../../lib/native/errors.ts';
import { newJob } from '../../lib/native/jobs.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const failure = (code: string, job?: number) => Object.assign(new Error('what happened'), { code, job });

describe('nativeError()', () => {
  it('makes the class that belongs to the code', () => {
    expect(nativeError(failure('ERR_SHAPE'))).toBeInstanceOf(ShapeError);
    expect(nativeError(failure('ERR_NATIVE'))).toMatchObject({ code: 'ERR_NATIVE', message: 'what happened' });
    expect(nativeError(failure('ERR_NATIVE'))).toBeInstanceOf(ContrastiveError);
  });

  it('leaves everything else as it is', () => {
    for (const other of [new RangeError('mine'), new ShapeError('ours'), null, 'text', failure('EPIPE')])
      expect(nativeError(other)).toBe(other);
  });

  it('adds the stack of the call that enqueued the job, as long as it is kept', () => {
    const enqueue = () => newJob();
    const job = enqueue();
    const { cause } = nativeError(failure('ERR_NATIVE', job)) as { cause: Error };
    expect(cause.name).toBe('EnqueuedAt');
    expect(cause.stack).toMatch(/at enqueue .*errors\.test\.ts/);
    for (let i = 0; i < 8192; i++) newJob();
    expect((nativeError(failure('ERR_NATIVE', job)) as Error).cause).toBeUndefined();
    expect((nativeError(failure('ERR_NATIVE', 0)) as Error).cause).toBeUndefined();
  });
});

describe('guard() and guardAsync()', () => {
  const fail = () => {
    throw failure('ERR_DTYPE');
  };

  it('pass results on and make errors typed', async () => {
    expect(guard(() => 5)).toBe(5);
    expect(() => guard(fail)).toThrow(expect.objectContaining({ name: 'DTypeError' }));
    expect(await guardAsync(Promise.resolve(5))).toBe(5);
    await expect(guardAsync(Promise.reject(failure('ERR_STATE')))).rejects.toMatchObject({ name: 'StateError' });
  });
});

describe('newJob()', () => {
  const { prepareStackTrace, stackTraceLimit } = Error;
  afterEach(() => Object.assign(Error, { prepareStackTrace, stackTraceLimit }));

  it('counts up, and leaves the handling of stacks as it was', () => {
    const mine = () => 'mine';
    Error.prepareStackTrace = mine;
    expect(newJob()).toBeLessThan(newJob());
    expect(Error.prepareStackTrace).toBe(mine);
  });

  it('works without stacks', () => {
    Error.stackTraceLimit = 0;
    const { cause } = nativeError(failure('ERR_NATIVE', newJob())) as { cause: Error };
    expect(cause.stack).toBe('EnqueuedAt: the call that enqueued this operation');
  });
});

describe('the code of what libtorch throws', () => {
  const half = ops.ones([2, 2], { dtype: 'float16' });

  it.each<[string, ErrorCode, () => Tensor]>([
    ['a dtype without a kernel, which it calls not implemented', 'ERR_DTYPE', () => ops.cdist(half, half)],
    ['an index', 'ERR_OPTION', () => ops.ones([2]).indexSelect(0, tensor([5], { dtype: 'int64' }))],
    ['a dimension', 'ERR_SHAPE', () => ops.ones([2, 3]).sum([7])],
    ['shapes', 'ERR_SHAPE', () => ops.ones([2, 3]).matmul(ops.ones([2, 3]))],
    ['memory, whose message speaks of sizes', 'ERR_NATIVE', () => ops.ones([2 ** 21, 2 ** 22])],
  ])('%s', async (_, code, run) => {
    await expect((async () => run().data())()).rejects.toMatchObject({ code });
  });
});
