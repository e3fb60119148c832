/**
 * Training, the loss, views and embedding on a GPU, beside PyTorch on the same one (bench/peers/cuda_ref.py: eager and torch.compile,
 * channels_last, bfloat16), in turn. Steps of SimCLR go from images in memory, or JPEG files, to the update. The bare model is
 * forward, backward and update, or the forward pass of an embedding, on images that are on the device. Views of the peer are
 * batched operations on the device, or torchvision's in as many workers as there are cores. The largest loss is measured with its
 * memory. What cannot be measured says why. All of it ends in time: each figure is measured for its share of what is left.
 *
 * All rows are measured once, then all again. What the peer compiles still when the others are done is waited for.
 *
 * Prints lines of a table in Markdown as they are known, a row's once more with its second round, and the whole of it in the end or
 * at a signal; in the folder that OUT names, the figures are written as cuda.json each time.
 *
 * usage: npm run bench -- cuda [--help]
 */
import { rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Figures, isCompiled, type Job, type JobOf, type Row, rowsOf } from './cuda/jobs.ts';
import { Sides } from './cuda/sides.ts';
import { linesOf, type Measured, sharesOf, tableOf } from './cuda/table.ts';
import { nextOf, turnsOf } from './cuda/turns.ts';
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
const roundsOf = new Map(rows.map((row) => [row, [] as Figures[]]));
const measured: Measured[] = [...roundsOf].map(([row, rounds]) => ({ row, rounds }));
const peers = new Set(rows.map(({ peer }) => peer));
const sides = new Sides({ device: values.device, peers, limit: seconds / 3 });
let about: Figures = {};
let isOver = false;

/** What a figure takes beside its measurement: what warms up, a share of a process's start. */
const warmUpSeconds = 0.7;

/** How long figures of the first of the rows are measured, so that all of them come to their turn. */
function secondsForFirst(ahead: readonly [Row, ...Row[]]): number {
  const total = (of: (row: Row) => number): number => ahead.reduce((sum, row) => sum + row.figures * of(row), 0);
  const share = (secondsLeft() - total(() => warmUpSeconds)) / total((row) => row.seconds);
  return Math.max(0.2, ahead[0].seconds * Math.min(1, share));
}

/** Takes a figure in when it is known: what is cut off has the figures of one side. */
type Take = (figures: Figures) => void;

/** Our turn and the peer's, in this order or the other one. */
async function takeTurns({ peer, isLarge }: Row, job: Job, round: number, take: Take): Promise<void> {
  const ours = async (): Promise<void> => {
    take(await sides.ours(job));
    if (isLarge) await sides.endOurs();
  };
  const theirs = async (): Promise<void> => take(await sides.theirs(peer, job));
  for (const turn of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) await turn();
}

/** In a new process, of which a small loss has loaded what it needs: what the device then has less of is the loss's memory. */
async function withMemory(peer: string, job: JobOf<'loss'>, take: Take): Promise<void> {
  const used = async (): Promise<number> => Number((await sides.theirs(peer, { do: 'memory' })).used);
  await sides.endOurs();
  await sides.ours({ ...job, rows: 256, seconds: 0 });
  const before = await used();
  const ours = await sides.ours(job);
  const memory = (await used()) - before;
  take({ ...ours, 'memory, ours': Number.isNaN(memory) ? 'not counted on this device' : memory / 1e9 });
  await sides.endOurs();
  take(await sides.theirs(peer, job));
}

/** @param ahead the rows of the turns behind this one. */
async function measureRow(row: Row, round: number, ahead: readonly Row[]): Promise<void> {
  const job: Job = { ...row.task, seconds: secondsForFirst([row, ...ahead]) };
  const figures: Record<string, number | string> = {};
  const take: Take = (known) => void (isOver || Object.assign(figures, known));
  roundsOf.get(row)?.push(figures);
  if (job.do === 'loss' && job.measuresMemory) await withMemory(row.peer, job, take);
  else await takeTurns(row, job, round, take);
}

/** When what is not compiled is to do without, so that there are some figures of it. */
const isLate = (): boolean => secondsLeft() < seconds / 4;

async function measure(): Promise<void> {
  const photographs = writePhotographs(folder, values.quick ? 8 : 64);
  void sides.about((rows[0] as Row).peer).then((found) => {
    about = found;
    console.log(JSON.stringify(about));
  });
  sides.prepare(rows.filter(isCompiled));
  const started = sides.ours({ do: 'loss', rows: 64, measuresMemory: false, seconds: 0 }); // its figures don't count
  await Promise.all([started, sides.compiled('all', secondsLeft() - 0.6 * seconds), photographs]);
  const still = sides.compiling().join(', ');
  console.log(
    `after ${(seconds - secondsLeft()).toFixed(0)} s, still compiling: ${still || 'nothing'}\n\n${tableOf([])}`,
  );
  const turns = turnsOf(rows);
  while (turns.length > 0) {
    const turn = nextOf(turns, sides.compiling(), isLate());
    if (turn === undefined) {
      await sides.compiled('one', secondsLeft() - seconds / 4);
      continue;
    }
    turns.splice(turns.indexOf(turn), 1);
    const { row, round } = turn;
    if (sides.compiling().includes(row.peer)) await sides.withoutCompile(row.peer);
    await measureRow(
      row,
      round,
      turns.map((other) => other.row),
    );
    if (isOver) return;
    console.log(linesOf({ row, rounds: roundsOf.get(row) ?? [] }));
    write();
  }
}

function write(): void {
  if (process.env.OUT === undefined) return;
  const text = JSON.stringify({ about, measured: measured.map(({ row, rounds }) => ({ ...row, rounds })) }, null, 2);
  writeFileSync(join(process.env.OUT, 'cuda.json'), text);
}

/** With what there is, when all is measured, the time is over or a signal came: first the table, since more may not be waited for. */
async function finish(code: number): Promise<never> {
  isOver = true;
  console.log(`\n${[tableOf(measured), '', ...sharesOf(measured)].join('\n')}`);
  write();
  setTimeout(() => process.exit(code), 5000); // a process that a device holds does not end
  await sides.end();
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}

const overAt = (code: number) => () => void (isOver || finish(code));
process.on('SIGTERM', overAt(143));
process.on('SIGINT', overAt(130));
setTimeout(overAt(0), 1000 * seconds);
await measure();
if (!isOver) await finish(0);
