/** `contrastive recipes`: the published trainings that the package holds. */
import { defineCommand } from './command.ts';
import { formatTable } from './format.ts';
import type { Output } from './output.ts';
import { type Recipe, readRecipe, recipeNames } from './recipe-file.ts';
import { percent } from './report/results.ts';

export const command = defineCommand({
  name: 'recipes',
  summary: 'list the published trainings that `train --recipe` takes, or print one',
  positionals: '[NAME | FILE]',
  maxPositionals: 1,
  help: `
A recipe is a file: the options of a training, under the names of a run's config.json, with its title and source, the published accuracy, how it differs from what was published, and what is not certain of it.

contrastive train --recipe NAME --data NAME:PATH trains by one; whatever is typed beside it wins. What a recipe does not say has the default of train. The config of the run holds the recipe, and the training that it came to.

Batches of thousands of images need the memory for them, or --micro-batch (supcon, simclr, vicreg), or a smaller --batch-size, with which the learning rate falls where the recipe scales it.

Without NAME: one line each, with the published accuracy of a linear classifier or of kNN. With NAME: its file, from which one of your own begins: contrastive recipes NAME > mine.json, then train --recipe mine.json.

With --json, one recipe a line.`,
  examples: [
    { run: 'contrastive recipes', explains: 'What there is.' },
    { run: 'contrastive recipes simclr-cifar10-lightly', explains: 'All of one, with its source.' },
    {
      run: 'contrastive train --recipe demo --epochs 2',
      explains: 'Trains on the images of the package as the demo does.',
    },
  ],
  options: {},
  async run({ positionals, output }) {
    const [name] = positionals;
    if (name !== undefined) return print(await readRecipe(name), output);
    const recipes = await Promise.all(recipeNames().map(readRecipe));
    output.print(formatTable(recipes.map(row)));
    for (const { whole } of recipes) output.emit(whole);
  },
});

function print({ whole }: Recipe, output: Output): void {
  const { name: _, ...file } = whole;
  output.print(JSON.stringify(file, null, 2));
  output.emit(whole);
}

const row = ({ name, title, expected: { linearTop1, knnTop1 } = {} }: Recipe): string[] => {
  const figures = Object.entries({ linear: linearTop1, kNN: knnTop1 }).flatMap(([what, accuracy]) =>
    accuracy === undefined ? [] : [`${what} ${percent(accuracy)}`],
  );
  return [name, title, figures.join(', ')];
};
