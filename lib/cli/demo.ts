/** `contrastive demo`: three ways to learn from the same images, compared in a table and a report. */

import { describeDataset } from '../data/dataset.ts';
import { datasetOptions } from '../data/registry.ts';
import { countOption, seedOption } from '../options/kinds.ts';
import { type CommandContext, defineCommand, type OptionTable } from './command.ts';
import { compare } from './demo-compare.ts';
import { demoFacts } from './demo-facts.ts';
import { fitMachine } from './demo-plan.ts';
import { recipe } from './demo-recipe.ts';
import { accuracyTable } from './evaluate-run.ts';
import { flag } from './flag.ts';
import { formatDuration } from './format.ts';
import { setMachine } from './machine.ts';
import { makeFolderOf, placeFor, writeOutput } from './output-file.ts';
import { renderReport } from './report/report.ts';
import { evaluationOf, withMaps } from './report-evaluation.ts';
import { ofDevice, ofThreads } from './shared-options.ts';

const demoOptions = {
  epochs: flag(countOption, {
    help: 'passes over the training images, for each method',
    usual: 'what fits three minutes',
  }),
  limitTrain: flag(datasetOptions.limit, {
    help: 'training images, at most 10000',
    usual: 'what fits three minutes',
  }),
  limitTest: flag(datasetOptions.limit, { default: 2000, help: 'test images, at most 2000' }),
  out: { type: 'string', short: 'o', value: 'FILE', default: 'report.html', help: 'the report' },
  seed: flag(seedOption, { help: 'of weights, order and views' }),
  ...ofDevice,
  ...ofThreads,
} as const satisfies OptionTable;

export const command = defineCommand({
  name: 'demo',
  summary: 'train with SimCLR and SupCon on bundled images and write a report; a few minutes on two cores',
  help: `
Trains one encoder (ResNet-18 of width ${recipe.encoder.width}) three times from the same start on up to 10 000 images of Fashion-MNIST, which this package carries; how many, and how often it sees them, follows from this machine's speed, so that training takes about three minutes: with SimCLR, which sees no labels, and with both forms of SupCon. Then 2 000 test images are classified by the features of the encoder before training and after each: by their nearest training images (kNN) and by a linear probe.

Writes report.html: the table, curves, maps of the test images by each encoder, classes, mistakes, and images with their nearest neighbours. It is one file that loads nothing.

With --json, one object a line: { kind: "plan", imagesPerSecond, images, epochs, precision }, the events of training, each with its method, and at last { kind: "result", encoders: [{ name, knnTop1, linearTop1, … }], report, seconds }.`,
  examples: [
    { run: 'contrastive demo', explains: 'As much as fits about three minutes of training, into ./report.html.' },
    {
      run: 'contrastive demo --epochs 1 --limit-train 2000',
      explains: 'A look in half a minute; too short to get past the untrained encoder.',
    },
  ],
  options: demoOptions,
  run: demo,
});

async function demo({ options, signal, output }: CommandContext<typeof demoOptions>): Promise<void> {
  const began = performance.now();
  const out = await placeFor(options.out, '--out', '.html');
  await makeFolderOf(out);
  setMachine(options);
  const { splits, plan } = await fitMachine({ options, signal, output });
  output.print(`${(await describeDataset(splits.train)).text}; ${splits.test.length} test images`);
  const { encoders, device } = await compare({ splits, plan, options, signal, output });
  output.progress.update('laying out the maps');
  const { seed } = options;
  const mapped = await withMaps(encoders, { seed, signal });
  const evaluation = await evaluationOf({ encoders: mapped, hasReference: true, splits });
  const page = await renderReport({
    title: 'SimCLR and SupCon on Fashion-MNIST',
    facts: demoFacts(splits, plan, { seed, device, seconds: (performance.now() - began) / 1000 }),
    notes: [],
    commands: [
      `npx contrastive demo --epochs ${plan.epochs} --limit-train ${plan.images} --limit-test ${splits.test.length} --seed ${seed}`,
    ],
    trainings: encoders.flatMap(({ name, curves }) => (curves === undefined ? [] : [{ name, curves }])),
    levels: {},
    evaluation,
  });
  await writeOutput(out, page);
  const seconds = (performance.now() - began) / 1000;
  output.progress.done();
  output.print(`\n${accuracyTable(encoders.map((encoder) => [encoder.name, encoder]))}\n`);
  output.print(`${formatDuration(seconds)} in all; open the report: ${out}`);
  output.emit({
    kind: 'result',
    encoders: encoders.map(({ name, knnTop1, linearTop1, end }) => {
      const training = end && { loss: end.loss, samplesPerSecond: end.samplesPerSecond, seconds: end.seconds };
      return { name, knnTop1, linearTop1, ...training };
    }),
    report: out,
    seconds,
  });
}
