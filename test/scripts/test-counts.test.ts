import { describe, expect, it } from 'vitest';
import { importScript } from './scripts.ts';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests?: number;
  numTodoTests?: number;
  testResults?: { status: string; assertionResults: unknown[] }[];
}
const { countTests } = await importScript<{
  countTests(report: Report | undefined, status: number): { line: string; exitCode: number };
}>('test-counts.mjs');

describe('the last line of npm test', () => {
  it('counts what passed and failed', () => {
    expect(countTests({ numPassedTests: 12, numFailedTests: 0 }, 0)).toEqual({
      line: '12 passed, 0 failed',
      exitCode: 0,
    });
    expect(countTests({ numPassedTests: 11, numFailedTests: 1 }, 1)).toEqual({
      line: '11 passed, 1 failed',
      exitCode: 1,
    });
  });

  it('mentions skipped tests only when there are some', () => {
    const report = { numPassedTests: 3, numFailedTests: 0, numPendingTests: 1, numTodoTests: 1 };
    expect(countTests(report, 0).line).toBe('3 passed, 0 failed, 2 skipped');
  });

  it('counts a file that fails before its first test', () => {
    const testResults = [
      { status: 'failed', assertionResults: [] },
      { status: 'failed', assertionResults: [{}] },
    ];
    expect(countTests({ numPassedTests: 5, numFailedTests: 1, testResults }, 1).line).toBe('5 passed, 2 failed');
  });

  it('fails when nothing ran, when there is no report, and when vitest failed for another reason', () => {
    expect(countTests({ numPassedTests: 0, numFailedTests: 0 }, 0)).toEqual({
      line: '0 passed, 0 failed',
      exitCode: 1,
    });
    expect(countTests(undefined, 1)).toEqual({ line: '0 passed, 1 failed', exitCode: 1 });
    expect(countTests({ numPassedTests: 5, numFailedTests: 0 }, 1)).toEqual({
      line: '5 passed, 1 failed',
      exitCode: 1,
    });
  });
});
