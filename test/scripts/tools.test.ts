import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scriptPath } from './scripts.ts';

let bin: string;
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'contrastive-tools-'));
});
afterEach(() => rmSync(bin, { recursive: true, force: true }));

function fake(name: string, prints: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\necho '${prints}'\n`);
  chmodSync(join(bin, name), 0o755);
}

/** Runs checkTools with nothing on the path but the fakes. */
function check(): string {
  const code = `import { checkTools } from ${JSON.stringify(pathToFileURL(scriptPath('tools.mjs')).href)};
    try { checkTools(); console.log('fine'); } catch (error) { console.log(error.message); }`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', env: { PATH: bin } })
    .stdout;
}

describe.runIf(process.platform !== 'win32')('checkTools', () => {
  it('names every missing tool with what to install, on three systems', () => {
    const text = check();
    for (const tool of ['a C++ compiler', 'CMake', 'Ninja or make'])
      expect(text).toMatch(
        new RegExp(`- ${tool.replaceAll('+', '\\+')} is needed \\(Debian.*apt install.*dnf install.*macOS`),
      );
  });

  it('is content with what is new enough', () => {
    fake('c++', 'c++ (Debian 12.2.0-14+deb12u1) 12.2.0');
    fake('cmake', 'cmake version 3.25.1');
    fake('make', 'GNU Make 4.3');
    expect(check()).toBe('fine\n');
  });

  it('says what is too old', () => {
    fake('c++', 'g++ (GCC) 8.5.0 20210514 (Red Hat 8.5.0-28)');
    fake('cmake', 'cmake version 3.16.3');
    fake('ninja', '1.11.1');
    const text = check();
    expect(text).toContain('a C++20 compiler is needed, gcc 11 or clang 14; c++ is g++ (GCC) 8.5.0');
    expect(text).toContain('CMake 3.20 is needed, this is 3.16.3');
  });

  it("reads clang's version by clang's measure", () => {
    fake('cmake', 'cmake version 4.1.0');
    fake('ninja', '1.11.1');
    fake('c++', 'Apple clang version 15.0.0 (clang-1500.3.9.4)');
    expect(check()).toBe('fine\n');
    fake('c++', 'Debian clang version 13.0.1-6');
    expect(check()).toContain('clang 14');
  });
});
