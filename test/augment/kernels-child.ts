/** Prints a batch's values; kernels.test.ts runs it once for each instruction set. */
import { presets } from '../../lib/augment/presets.ts';
import { formulaImage } from './formula-image.ts';

const samples = Array.from({ length: 12 }, (_, id) => ({ ...formulaImage(70 + id, 83 - id, 3), id }));
const views = presets.simclr({ size: 65 }).apply(samples, { seed: 6, views: 2 });
const values = (await views.data()) as Float32Array;
process.stdout.write(Buffer.from(values.buffer).toString('base64'));
