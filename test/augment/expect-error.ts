import { expect } from 'vitest';
import { ContrastiveError, type ErrorCode } from '../../lib/errors.ts';

/** `run` throws a ContrastiveError with this code whose message matches. */
export function expectError(run: () => unknown, code: ErrorCode, message: RegExp): void {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ContrastiveError);
  expect((thrown as ContrastiveError).code).toBe(code);
  expect((thrown as ContrastiveError).message).toMatch(message);
}
