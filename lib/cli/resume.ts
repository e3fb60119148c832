/** `contrastive resume`: goes on with a training that stopped. */
import { defineCommand } from './command.ts';
import { parseOptions } from './options.ts';
import { train } from './train.ts';
import { importParts, resumeOptions, type TrainOptions, trainOptions } from './train-options.ts';

export const command = defineCommand({
  name: 'resume',
  summary: 'go on with a training that stopped',
  places: ['run', 'data'],
  help: `
Goes on from the newest good checkpoint of a run, with its data and options, to the epochs that it was for; --epochs may be raised. As "contrastive train --resume RUN", which takes more options: what is typed beside it must be the run's.

With --json, the records of "contrastive train".`,
  examples: [
    { run: 'contrastive resume runs/photos', explains: 'After Ctrl-C, an error, or a machine that went down.' },
    { run: 'contrastive resume runs/photos --epochs 200', explains: 'A run that is over goes on.' },
  ],
  options: resumeOptions,
  takesSeveral: true,
  async derived(argv) {
    await importParts(argv);
    return {};
  },
  async run({ options: { run, ...typed }, given, ...context }) {
    const { options: usual } = parseOptions([], trainOptions, { where: 'contrastive resume' });
    await train({ ...context, given, options: { ...usual, ...typed, resume: run } as TrainOptions });
  },
});
