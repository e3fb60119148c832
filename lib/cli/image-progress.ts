/** The live line of a command that works through many images. */
import { counted, formatDuration } from './format.ts';
import type { Output } from './output.ts';

/** Images after which the time left is told: the first ones wait for code and memory. */
const enoughToTell = 64;

/** Shows how many images are done and, after a while, how long the others will take. @param doing what is done to them. */
export function imageProgress({ progress }: Output, doing: string): (done: number, total: number) => void {
  const started = performance.now();
  const left = (done: number, total: number): string =>
    done < enoughToTell
      ? ''
      : `, ${formatDuration(((performance.now() - started) / 1000 / done) * (total - done))} left`;
  return (done, total) =>
    progress.update(
      () => `${doing}: ${done.toLocaleString('en')} of ${counted(total, 'image')}${left(done, total)}`,
      done / total,
    );
}
