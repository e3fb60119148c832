/** The installed package on each supported Node, with nothing but node on the path. */
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPage } from '../../docs/markdown.ts';
import { type Consumer, emptyConsumer, nodeVersions, npmInstall, root, wellEnded } from './consumer.ts';

let consumer: Consumer;
beforeAll(() => {
  consumer = emptyConsumer({ type: 'module' });
  npmInstall(consumer.folder);
  copyFileSync(join(root, 'test/fixtures/data/images/rgb.jpg'), join(consumer.folder, 'cat.jpg'));
  // It is TypeScript that is JavaScript as it stands; sizes of a test.
  const [first] = readPage('README.md').blocks.filter(({ language }) => language === 'ts');
  const small = (first?.code ?? '').replace(/\blimit: \d+/g, 'limit: 96');
  consumer.write('first.js', small.replace(/\bepochs: \d+/, 'epochs: 1'));
  consumer.write(
    'embed.js',
    `import { createEmbedder } from 'contrastive';
     const embedder = await createEmbedder({ checkpoint: 'runs/first' });
     console.log((await embedder.embedFile('cat.jpg')).length);`,
  );
  consumer.write(
    'required.cjs',
    `const { tensor } = require('contrastive');
     tensor([[1, 2], [3, 4]]).sum().item().then((sum) => console.log(sum));`,
  );
});
afterAll(() => consumer.remove());

describe.each(nodeVersions)('on Node %s', (version) => {
  it("the README's first snippet trains, judges and ends", () => {
    rmSync(join(consumer.folder, 'runs'), { recursive: true, force: true });
    const { stdout, ...ended } = consumer.node(['first.js'], { version });
    expect({ ...ended, stdout }).toMatchObject({ ...wellEnded, stdout: expect.stringMatching(/^\d+\.\d+\nkNN: /) });
    expect(existsSync(join(consumer.folder, 'runs/first/config.json'))).toBe(true);
  });

  it('an image file is embedded', () => {
    const ended = consumer.node(['embed.js'], { version });
    expect(ended).toMatchObject({ ...wellEnded, stdout: '128\n' });
  });

  it('require() works', () => {
    expect(consumer.node(['required.cjs'], { version })).toMatchObject({ ...wellEnded, stdout: '10\n' });
  });

  it('the command trains and reports', () => {
    const command = join(consumer.folder, 'node_modules/.bin/contrastive');
    const small = ['--epochs', '1', '--limit-train', '256', '--limit-test', '64'];
    const ended = consumer.node([command, 'demo', ...small, '--out', 'report.html'], { version });
    expect(ended).toMatchObject({ status: 0, stdout: expect.stringContaining('open the report') });
    expect(consumer.node([command, 'doctor'], { version })).toMatchObject({
      ...wellEnded,
      stdout: expect.stringContaining('Nothing is wrong.'),
    });
  });
});
