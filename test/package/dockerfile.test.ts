/** What can be read from examples/Dockerfile; `npm run test:package` does its steps, and builds the image where Docker is. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readPage, root } from '../docs/markdown.ts';
import { last, readDockerfile } from './dockerfile.ts';

const instructions = readDockerfile();
const all = (name: string): string[] => instructions.filter((each) => each.name === name).map(({ text }) => text);

it('what is copied is let in by Dockerfile.dockerignore, and nothing else is', () => {
  const copied = all('COPY').filter((text) => !text.startsWith('--from='));
  const sources = copied.flatMap((text) => text.split(/\s+/).slice(0, -1));
  const [first, ...exceptions] = readFileSync(join(root, 'examples/Dockerfile.dockerignore'), 'utf8')
    .trim()
    .split('\n');
  expect(first).toBe('*');
  expect(exceptions.map((line) => line.replace(/^!/, '')).sort()).toEqual(sources.sort());
  for (const source of sources.filter((each) => !each.includes('*')))
    expect(existsSync(join(root, source)), source).toBe(true);
});

it('each stage begins with the same image, which has glibc and a Node that the package takes', () => {
  const images = new Set(all('FROM').map((text) => text.split(' ')[0] as string));
  expect(images.size).toBe(1);
  const [image = ''] = images;
  expect(image).not.toContain('alpine');
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
  const major = (text: string): number => Number(/\d+/.exec(text)?.[0]);
  // Below 22, node does not run the example's TypeScript.
  expect(major(image)).toBeGreaterThanOrEqual(Math.max(22, major(engines.node)));
});

it('ends as a user without privileges, and begins the example', () => {
  expect(last(instructions, 'USER')).toBe('node');
  const [program, script = ''] = JSON.parse(last(instructions, 'CMD')) as string[];
  expect(program).toBe('node');
  expect(all('COPY').some((text) => text.split(/\s+/)[0] === join('examples', script))).toBe(true);
});

it('its first lines are the commands of docs/deployment.md', () => {
  const comment = readPage('examples/Dockerfile').text.match(/(?<=^#\s+)(npm|docker) .*/gm);
  const block = readPage('docs/deployment.md').blocks.find(({ code }) => code.includes('docker build'));
  expect(block?.code.replace(/^\$ /gm, '').trim().split('\n')).toEqual(comment);
});
