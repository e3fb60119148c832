/** What package-lock.json says of the packages that npm installs beside this one, without asking a registry. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../docs/markdown.ts';

interface Locked {
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  readonly deprecated?: string;
}

const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked>;
};
const locked = Object.entries(packages).filter(([path]) => path !== '');
const installed = locked.filter(([, { dev }]) => !dev);
const names = (found: [string, Locked][]): string[] => found.map(([path]) => path);

describe('package-lock.json', () => {
  it('holds every package to a SHA-512', () => {
    expect(locked.length).toBeGreaterThan(100);
    expect(names(locked.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')))).toEqual([]);
  });

  it('has no package for users that runs a script when it is installed, or that its authors gave up', () => {
    expect(installed.length).toBeGreaterThan(20);
    expect(names(installed.filter(([, { hasInstallScript }]) => hasInstallScript === true))).toEqual([]);
    expect(names(installed.filter(([, { deprecated }]) => deprecated !== undefined))).toEqual([]);
  });

  it('has licences for users that let a product be sold: the LGPL for libvips alone, which is a library of its own', () => {
    const permissive = ['MIT', 'ISC', '0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0'];
    for (const [path, { license }] of installed) {
      const allowed = path.includes('@img/sharp-') ? [...permissive, 'LGPL-3.0-or-later'] : permissive;
      for (const part of (license ?? 'none').replace(/[()]/g, '').split(/ AND | OR /))
        expect(allowed, path).toContain(part);
    }
  });
});
