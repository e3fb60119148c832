/** Two machines, as network namespaces, at a network that is slow and then is cut. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resultsOf } from './processes.ts';
import { type Trained, type Training, train } from './tiny-training.ts';

const canMakeNamespaces = spawnSync('unshare', ['--net', 'ip', 'tuntap', 'add', 'cx0', 'mode', 'tun']).status === 0;
const hasPython = spawnSync('python3', ['--version']).status === 0;
const reason = canMakeNamespaces && hasPython ? '' : ' (skipped: it takes Linux, root, ip, /dev/net/tun and Python)';

let folder: string;
let link: ChildProcess | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-network-'));
});
afterAll(async () => {
  link?.stdin?.end();
  if (link && link.exitCode === null) await once(link, 'close');
  await rm(folder, { recursive: true, force: true });
});

test.skipIf(reason)(`machines that are far apart train as one, and say so when they are cut off${reason}`, async () => {
  const cut = join(folder, 'cut');
  const milliseconds = '5'; // each way
  link = spawn('python3', [fileURLToPath(new URL('link.py', import.meta.url)), milliseconds, cut], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(link, 'close').then(() => Promise.reject(new Error('link.py ended')));
  const [line] = (await Promise.race([once(link.stdout as NodeJS.ReadableStream, 'data'), ended])) as [Buffer];
  ended.catch(() => {});
  const machines = JSON.parse(String(line)) as [string, string];
  const short: Training = { isSmall: true, epochs: 1 };
  const trainings: Training[] = [short, { ofRanks: [{ fault: { step: 2, does: 'cut' } }] }];
  const results = await resultsOf<[Trained, Trained]>(
    'training.ts',
    { trainings, timeout: 6 },
    {
      command: (rank) => ['ip', 'netns', 'exec', machines[rank] as string],
      variables: () => ({ MASTER_ADDR: '10.9.0.1', CONTRASTIVE_TEST_CUT: cut }),
    },
  );
  const [[whole, broken], [, alsoBroken]] = results as [[Trained, Trained], [Trained, Trained]];
  const alone = await train(short);
  const lossesOf = ({ events }: Trained) => events.flatMap((event) => (event.kind === 'step' ? event.loss : []));
  expect(lossesOf(whole).length).toBe(3);
  for (const [i, loss] of lossesOf(whole).entries()) expect(loss).toBeCloseTo(lossesOf(alone)[i] as number, 9);
  expect(broken.error?.message).toMatch(/^rank 1 \(.*, process \d+\) does not answer \(no answer within 6 s\)$/);
  const gone = /^rank 0, or who launched the processes, is gone: nobody answers at 10\.9\.0\.1:\d+$/;
  expect(alsoBroken.error).toEqual({ code: 'ERR_DISTRIBUTED', message: expect.stringMatching(gone) });
});
