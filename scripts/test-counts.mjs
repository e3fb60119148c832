/**
 * The last line of `npm test` and its exit code, from vitest's JSON report (undefined when it wrote none) and its status.
 * A file that fails before its first test counts as one failure, and so does a status that no failed test explains.
 */
export function countTests(report, status) {
  const passed = report?.numPassedTests ?? 0;
  const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
  const brokenFiles = (report?.testResults ?? []).filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  let failed = (report?.numFailedTests ?? 0) + brokenFiles.length;
  if (failed === 0 && status !== 0) failed = 1;
  const line = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  return { line, exitCode: failed > 0 || passed === 0 ? 1 : 0 };
}
