/**
 * Training, the loss, views and embedding on a GPU, beside PyTorch on the same one (bench/peers/cuda_ref.py: eager and torch.compile,
 * channels_last, bfloat16), in turn. Steps of SimCLR go from images in memory, or JPEG files, to the update; bare ones are forward,
 * backward and update on images that are on the device. Views of the peer are batched operations on the device, or
 * torchvision's in as many workers as there are cores. The largest loss is measured with its memory.
 * What cannot be measured says why. All of it ends in time: each figure is measured for its share of what is left.
 *
 * Prints a table in Markdown; in the folder that OUT names, the figures are written as cuda.json too.
 *
 * usage: npm run bench -- cuda [--help]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Figures, isCompiled, type Job, type JobOf, type Row, rowsOf } from './cuda/jobs.ts';
import { Sides } from './cuda/sides.ts';
import { type Measured, sharesOf, tableOf } from './cuda/table.ts';
import { benchOptions, secondsOf } from './parts/options.ts';
import { writePhotographs } from './parts/photographs.ts';

const values = benchOptions({
  device: { type: 'string', value: 'NAME', default: 'cuda:0', help: 'cuda, cuda:N, or cpu with --quick' },
  seconds: secondsOf(140, 'within which it ends'),
  quick: { type: 'boolean', help: 'sizes with which it can be tried on a CPU' },
});
const seconds = values.seconds;
const began = performance.now();
const secondsLeft = (): number => seconds - (performance.now() - began) / 1000;

const folder = await mkdtemp(join(tmpdir(), 'contrastive-cuda-'));
const rows = rowsOf(values.quick, folder);
const measured = rows.map((row) => ({ row, rounds: [] as Figures[] })) satisfies Measured[];
const peers = new Set(rows.map(({ peer }) => peer));
const sides = new Sides({ device: values.device, peers, limit: seconds / 3 });
let about: Figures = {};

/** Whether it is measured once, with its memory. */
const measuresMemory = ({ task }: Row): boolean => task.do === 'loss' && task.measuresMemory;

/** What a figure takes beside its measurement: what warms up, a share of a process's start. */
const warmUpSeconds = 0.7;

/** How long figures of the first of the rows are measured, so that all of them come to their turn. */
function secondsForFirst(ahead: readonly [Row, ...Row[]]): number {
  const total = (of: (row: Row) => number): number => ahead.reduce((sum, row) => sum + row.figures * of(row), 0);
  const share = (secondsLeft() - total(() => warmUpSeconds)) / total((row) => row.seconds);
  return Math.max(0.2, ahead[0].seconds * Math.min(1, share));
}

/** Our turn and the peer's, in this order or the other one. */
async function takeTurns({ peer, isLarge }: Row, job: Job, round: number): Promise<Figures> {
  const ours = async (): Promise<Figures> => {
    const figures = await sides.ours(job);
    if (isLarge) await sides.endOurs();
    return figures;
  };
  const theirs = () => sides.theirs(peer, job);
  let figures: Figures = {};
  for (const turn of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) figures = { ...figures, ...(await turn()) };
  return figures;
}

/** In a new process, of which a small loss has loaded what it needs: what the device then has less of is the loss's memory. */
async function withMemory(peer: string, job: JobOf<'loss'>): Promise<Figures> {
  const used = async (): Promise<number> => Number((await sides.theirs(peer, { do: 'memory' })).used);
  await sides.endOurs();
  await sides.ours({ ...job, rows: 256, seconds: 0 });
  const before = await used();
  const ours = await sides.ours(job);
  const memory = (await used()) - before;
  await sides.endOurs();
  const figure = Number.isNaN(memory) ? 'not counted on this device' : memory / 1e9;
  return { ...ours, 'memory, ours': figure, ...(await sides.theirs(peer, job)) };
}

async function measure(): Promise<void> {
  const photographs = writePhotographs(folder, values.quick ? 8 : 64);
  await sides.prepare(rows.filter(isCompiled), seconds);
  await photographs;
  about = await sides.theirs((rows[0] as Row).peer, { do: 'about' });
  console.log(`${JSON.stringify(about)}; prepared in ${(seconds - secondsLeft()).toFixed(0)} s`);
  const turns = measured.flatMap((each) =>
    Array.from({ length: measuresMemory(each.row) ? 1 : 2 }, (_, round) => ({ ...each, round })),
  );
  for (const [i, { row, rounds, round }] of turns.entries()) {
    const ahead = turns.slice(i).map((turn) => turn.row) as [Row, ...Row[]];
    const job: Job = { ...row.task, seconds: secondsForFirst(ahead) };
    const isWithMemory = job.do === 'loss' && job.measuresMemory;
    const figures = await (isWithMemory ? withMemory(row.peer, job) : takeTurns(row, job, round));
    rounds.push(figures);
    console.log(`${row.title}, ${row.unit}: ${JSON.stringify(figures)}`);
  }
}

/** With what there is, when all is measured or the time is over. */
async function finish(): Promise<never> {
  await sides.end();
  console.log(`\n${tableOf(measured)}\n`);
  for (const share of sharesOf(measured)) console.log(share);
  if (process.env.OUT !== undefined) {
    const text = JSON.stringify({ about, measured: measured.map(({ row, rounds }) => ({ ...row, rounds })) }, null, 2);
    await writeFile(join(process.env.OUT, 'cuda.json'), text);
  }
  await rm(folder, { recursive: true, force: true });
  process.exit(0);
}

const over = setTimeout(finish, 1000 * seconds);
await measure();
clearTimeout(over);
await finish();
