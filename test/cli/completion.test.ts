import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { defineCommand } from '../../lib/cli/command.ts';
import { command } from '../../lib/cli/completion.ts';
import { runWith } from './run-cli.ts';

const paint = defineCommand({
  name: 'paint',
  summary: "paints a child's picture",
  help: 'Paints.',
  examples: [],
  options: {
    colour: { type: 'string', value: 'NAME', choices: ['red', 'blue'], default: 'red', help: 'of the paint' },
    out: { type: 'string', value: 'FILE', help: 'where to write' },
    brush: { type: 'string', value: 'NAME|FILE', completions: ['fine', 'broad'], help: 'or one of your own' },
    quick: { type: 'boolean', help: 'less care' },
  },
  derived: () => ({ brushSize: { type: 'number', value: 'PIXELS', help: 'width' } }),
  async run() {},
});

const scriptFor = async (shell: string): Promise<string> =>
  (await runWith([paint, command], ['completion', shell])).stdout;
const hasBash = spawnSync('bash', ['--version']).status === 0;

describe.runIf(hasBash)('in bash', () => {
  it.each([
    [['pa'], ['paint']],
    [[''], ['paint', 'completion']],
    [
      ['paint', '--'],
      ['--colour', '--out', '--brush', '--quick', '--brush-size', '--help', '--json'],
    ],
    [['paint', '--brush-'], ['--brush-size']],
    [
      ['paint', '--colour', ''],
      ['red', 'blue'],
    ],
    [['paint', '--colour', 'b'], ['blue']],
    [['paint', '--out', ''], []],
    [['paint', '--brush', 'f'], ['fine']],
    [['paint', '--brush', './'], []],
    [['paint', 'x'], []],
    [['completion', 'z'], []],
  ])('%j is completed by %j', async (words, expected) => {
    const line = ['contrastive', ...words].map((word) => `'${word}'`).join(' ');
    const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _contrastive; printf '%s\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', `${await scriptFor('bash')}\n${ask}`], { encoding: 'utf8' });
    expect([stdout.split('\n').filter((word) => word !== ''), stderr]).toEqual([expected, '']);
  });
});

it('zsh takes the script of bash', async () => {
  expect(await scriptFor('zsh')).toBe(`autoload -U +X bashcompinit && bashcompinit\n${await scriptFor('bash')}`);
});

it('fish has a line for each command and each option', async () => {
  const lines = (await scriptFor('fish')).split('\n');
  expect(lines).toContain("complete -c contrastive -n __fish_use_subcommand -a paint -d 'paints a child\\'s picture'");
  const ofPaint = "complete -c contrastive -n '__fish_seen_subcommand_from paint' -l";
  expect(lines).toContain(`${ofPaint} colour -xa 'red blue' -d 'of the paint'`);
  expect(lines).toContain(`${ofPaint} brush -ra 'fine broad' -d 'or one of your own'`);
  expect(lines).toContain(`${ofPaint} out -r -d 'where to write'`);
  expect(lines).toContain(`${ofPaint} quick -d 'less care'`);
  expect(lines).toContain(`${ofPaint} brush-size -r -d 'width'`);
});

it('another shell is refused', async () => {
  expect(await runWith([command], ['completion', 'fisch'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("did you mean 'fish'?"),
  });
  expect((await runWith([command], ['completion'])).stderr).toContain('SHELL is missing: bash, zsh, fish');
});
