/** Telling a data set from another one, by a few samples. */
import type { DatasetMark, SampleMark } from '../checkpoint/run-config.ts';
import type { Dataset } from '../data/dataset.ts';
import { readSample } from '../data/sample-reader.ts';

const mostSamples = 8;
const mostValues = 65_536;
/** Of a mean: decoders of JPEG differ by a level here and there, images by more. */
const tolerance = 2;

export async function markOf(dataset: Dataset): Promise<DatasetMark> {
  const { length, classes } = dataset;
  const count = Math.min(mostSamples, length);
  const indices = Array.from({ length: count }, (_, i) => Math.floor((i * length) / count));
  const samples = await Promise.all(
    indices.map(async (index): Promise<SampleMark> => {
      const { pixels, height, width, channels, id, label = null } = await readSample(dataset, index);
      return {
        id,
        label,
        height,
        width,
        channels,
        mean: meanOf(pixels),
      };
    }),
  );
  return { length, classes: classes ? [...classes] : null, samples };
}

/** Of a few samples, what is equal wherever they are decoded. */
export async function exactMarkOf(dataset: Dataset): Promise<readonly (readonly unknown[])[]> {
  const { samples } = await markOf(dataset);
  return samples.map(({ id, label, height, width }) => [id, label, height, width]);
}

/** Of some of the values of a large image, evenly spread. */
function meanOf(pixels: Uint8Array): number {
  const stride = Math.ceil(pixels.length / mostValues);
  let sum = 0;
  for (let i = 0; i < pixels.length; i += stride) sum += pixels[i] as number;
  return sum / Math.ceil(pixels.length / stride);
}

/** What is different, in words; undefined where nothing is. The name may be another: data move. */
export function differenceOf(there: DatasetMark, here: DatasetMark): string | undefined {
  if (there.length !== here.length) return `the data set had ${there.length} samples, and has ${here.length} now`;
  const [classesThere, classesHere] = [JSON.stringify(there.classes), JSON.stringify(here.classes)];
  if (classesThere !== classesHere) return `the classes were ${classesThere}, and are now ${classesHere}`;
  const i = here.samples.findIndex((sample, at) => !isSame(there.samples[at], sample));
  if (i === -1) return undefined;
  return `sample ${here.samples[i]?.id} was ${JSON.stringify(there.samples[i])}, and is now ${JSON.stringify(here.samples[i])}`;
}

function isSame(there: SampleMark | undefined, here: SampleMark): boolean {
  const rest = (sample: SampleMark | undefined) => JSON.stringify({ ...sample, mean: 0 });
  return rest(there) === rest(here) && Math.abs((there?.mean ?? Number.NaN) - here.mean) <= tolerance;
}
