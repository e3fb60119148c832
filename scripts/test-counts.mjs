/**
 * The last lines of `npm test` and its exit code. `runs` holds, for each run of vitest, its status and what
 * scripts/count-reporter.mjs counted (undefined when it wrote nothing). A file that fails as a whole, before its first test or
 * because its process died, counts as one failure and is named; so does a status that nothing else explains. Tests that failed are named again,
 * since their reports may lie thousands of lines above.
 */
export function countTests(runs) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const lines = [];
  for (const { counts, status, title = '' } of runs) {
    const { passed = 0, failed = 0, skipped = 0, failures = [], broken = [] } = counts ?? {};
    const unexplained = status !== 0 && failed + broken.length === 0 ? 1 : 0;
    sum.passed += passed;
    sum.failed += failed + broken.length + unexplained;
    sum.skipped += skipped;
    const where = title && ` (${title})`;
    for (const failure of failures) lines.push(`failed${where}: ${failure}`);
    for (const file of broken) lines.push(`failed as a whole${where}: ${file}`);
    if (unexplained > 0) lines.push(`vitest ended with status ${status}${where}`);
  }
  lines.push(`${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}`);
  return { lines, exitCode: sum.failed > 0 || sum.passed === 0 ? 1 : 0 };
}
