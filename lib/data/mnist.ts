/** MNIST: gray 28×28, ten digits. */
import { join } from 'node:path';
import { DataError } from '../errors.ts';
import type { ResolvedOf } from '../options/option.ts';
import type { Dataset } from './dataset.ts';
import { expectFolder } from './files.ts';
import { findIdxFiles, idxDataset } from './idx.ts';
import { datasetOptions, defineDataset } from './registry.ts';

async function mnistDataset({ root, split, limit }: ResolvedOf<typeof datasetOptions>): Promise<Dataset> {
  await expectFolder('mnist', root);
  const files = await findIdxFiles([root, join(root, 'raw'), join(root, 'MNIST', 'raw')], split);
  if (!files)
    throw new DataError(
      `mnist: '${root}' must hold ${split === 'train' ? 'train' : 't10k'}-images-idx3-ubyte and …-labels-idx1-ubyte, .gz or not`,
    );
  const classes = Array.from({ length: 10 }, (_, digit) => String(digit));
  return idxDataset(files, { name: 'mnist', classes, source: root, limit });
}

defineDataset({
  name: 'mnist',
  input: { size: 28, mean: 0.1307, std: 0.3081 },
  help: [['mnist:DIR', 'IDX files, .gz or not']],
  options: datasetOptions,
  load: mnistDataset,
});
