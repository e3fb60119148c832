import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DoctorReport } from '../../lib/native/doctor.ts';
import { fakeLibtorch } from '../native/fake-libtorch.ts';
import { runMain } from './run-cli.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'contrastive-doctor-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function report(env: Record<string, string>): DoctorReport {
  const { status, stdout, stderr } = runMain(['doctor', '--json'], env);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as DoctorReport;
}

describe('contrastive doctor', () => {
  it('works with no libtorch, and says what to do', () => {
    const found = report({
      CONTRASTIVE_LIBTORCH: '',
      LIBTORCH: '',
      CONTRASTIVE_CACHE: folder,
      CONTRASTIVE_USE_PYTORCH: '0',
    });
    expect(found.versions).toMatchObject({ node: process.version, contrastive: expect.stringMatching(/^\d+\./) });
    expect(found.platform.name).toBe(`${process.platform}-${process.arch}`);
    // A machine of a developer may have one in /usr/local; then it is that one.
    const { used, candidates } = found.libtorch;
    if (used === undefined) {
      expect(found.ok).toBe(false);
      expect(candidates.every(({ refused }) => typeof refused === 'string')).toBe(true);
      expect(found.findings[0]).toMatchObject({ level: 'error', advice: expect.stringContaining('libtorch install') });
    } else expect(used.source).toMatch(/system|npm package/);
  });

  it('says why an explicit choice cannot be used', () => {
    const found = report({ CONTRASTIVE_LIBTORCH: join(folder, 'typo') });
    expect(found.ok).toBe(false);
    expect(found.findings[0]?.problem).toContain(`${join(folder, 'typo')} does not exist`);
    expect(found.libtorch.candidates).toHaveLength(1);
  });

  it('survives a libtorch that does not load', () => {
    const found = report({ CONTRASTIVE_LIBTORCH: fakeLibtorch(join(folder, 'fake')) });
    expect(found.ok).toBe(false);
    expect(found.addon.loaded).toBe(false);
    expect(found.findings.map(({ problem }) => problem).join()).toContain('does not load');
  });

  it('reports devices, threads and the capability of the CPU when all is well, and the same to people', () => {
    const found = report({ ...(process.env as Record<string, string>) });
    expect(found).toMatchObject({ ok: true, addon: { loaded: true } });
    expect(found.devices).toContain('cpu');
    expect(found.platform.threads).toBeGreaterThan(0);
    expect(found.platform.cpuCapability).toBeTruthy();
    expect(found.versions.libtorch).toMatch(/^2\.\d+/);
    const { stdout } = runMain(['doctor'], { ...(process.env as Record<string, string>) });
    expect(stdout).toContain(found.libtorch.used?.root);
    expect(stdout).toMatch(/devices +cpu/);
  });
});
