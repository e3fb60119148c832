/** examples/Dockerfile: its steps done by hand on every machine, and the image where a Docker daemon answers. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTinyRun } from '../../serve/tiny-run.ts';
import { buildByHand, last, readDockerfile } from '../dockerfile.ts';
import { type NodeVersion, nodeBinary, nodeVersions, root } from './consumer.ts';

const instructions = readDockerfile();
const command = JSON.parse(last(instructions, 'CMD')) as [string, ...string[]];
const image = readFileSync(join(root, 'test/fixtures/data/images/rgb.jpg'));

let folder: string;
let run: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'contrastive-container-'));
  run = await writeTinyRun(folder);
  chmodSync(folder, 0o755); // for the user of the container
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function healthy(port: number, service: ChildProcess): Promise<object> {
  while (service.exitCode === null) {
    const response = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
    if (response?.ok) return (await response.json()) as object;
    await sleep(50);
  }
  throw new Error(`the service ended with status ${service.exitCode}`);
}

const embed = (port: number): Promise<{ embedding: number[] }> =>
  fetch(`http://127.0.0.1:${port}/embed`, {
    method: 'POST',
    headers: { 'content-type': 'image/jpeg' },
    body: image,
  }).then((response) => response.json() as Promise<{ embedding: number[] }>);

/** Asks for the features of an image, then ends the service by `end`. */
async function useAndEnd(port: number, service: ChildProcess, end: () => void): Promise<void> {
  const ended = once(service, 'exit');
  expect(await healthy(port, service)).toMatchObject({ status: 'ok', dim: 32, step: 7 });
  const { embedding } = await embed(port);
  expect(embedding.length).toBe(32);
  expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
  end();
  expect(await ended).toEqual([0, null]);
}

describe('the steps, done by hand', () => {
  const version = /^node:(\d+)/.exec(last(instructions, 'FROM'))?.[1] as NodeVersion;

  it('make a service that embeds, and that ends when it is told', async () => {
    expect(nodeVersions).toContain(version);
    const work = buildByHand(instructions, root, folder, process.env);
    const port = await freePort();
    const args = [...command.slice(1).map((arg) => (arg === '/model' ? run : arg)), '--port', String(port)];
    const variables = last(instructions, 'ENV')
      .split(' ')
      .map((pair) => pair.split('='));
    const service = spawn(nodeBinary(version), args, {
      cwd: work,
      env: { HOME: folder, ...Object.fromEntries(variables) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await useAndEnd(port, service, () => service.kill('SIGTERM'));
  });
});

const docker = (...args: string[]): string => execFileSync('docker', args, { encoding: 'utf8', stdio: 'pipe', env });
const env = { ...process.env, DOCKER_BUILDKIT: '1' };
const hasDocker = process.platform === 'linux' && spawnSync('docker', ['info']).status === 0;

describe.runIf(hasDocker)('the image', () => {
  const name = 'contrastive-test-embedder';
  // The machine's own network: some have no other way to the registry.
  beforeAll(() =>
    docker('build', '--network', 'host', '--file', join(root, 'examples/Dockerfile'), '--tag', name, root),
  );
  afterAll(() => docker('image', 'rm', name));

  it('embeds without privileges, on a file system that it cannot write, in 512 MB; ends when it is told', async () => {
    const port = await freePort();
    const limits = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--memory', '512m'];
    const shared = ['--network', 'host', '--volume', `${run}:/model:ro`, '--name', name];
    const service = spawn('docker', ['run', '--rm', ...limits, ...shared, name, ...command, '--port', String(port)], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env,
    });
    await healthy(port, service);
    expect(docker('exec', name, 'id', '-un').trim()).toBe('node');
    expect(() => docker('exec', name, 'touch', '/app/file')).toThrow('Read-only file system');
    await useAndEnd(port, service, () => docker('stop', name));
  });

  it('finds by itself that it is healthy', async () => {
    const id = docker(
      'run',
      '--detach',
      '--network',
      'none',
      '--health-interval',
      '1s',
      '--volume',
      `${run}:/model:ro`,
      name,
    );
    const health = (): string => docker('inspect', '--format', '{{.State.Health.Status}}', id.trim()).trim();
    try {
      while (health() === 'starting') await sleep(200);
      expect(health()).toBe('healthy');
    } finally {
      docker('rm', '--force', id.trim());
    }
  });
});
