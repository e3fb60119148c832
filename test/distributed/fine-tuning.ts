/** A process that fine-tunes without having joined the others: prints what it did. */
import { presets } from '../../lib/augment/presets.ts';
import { fineTune } from '../../lib/classify/fine-tune.ts';
import { destroyProcessGroup, worldSize } from '../../lib/distributed/group.ts';
import { tinyDataset, tinyModels, tinyViews } from '../train/tiny.ts';

const { encoder } = tinyModels();
const evaluation = presets.evaluation({ size: 12, mean: 0.4, std: 0.25 });
const { steps } = await fineTune(encoder, tinyDataset(50), { augment: tinyViews(), evaluation, epochs: 1 });
process.stdout.write(JSON.stringify({ processes: worldSize(), steps }));
await destroyProcessGroup();
