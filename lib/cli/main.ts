/** The `contrastive` program: the table of commands, each imported when it is asked for, and the signals. */
import { speaksForAll } from '../distributed/environment.ts';
import { runProgram } from './program.ts';

const commands = {
  demo: () => import('./demo.ts'),
  train: () => import('./train.ts'),
  resume: () => import('./resume.ts'),
  recipes: () => import('./recipes.ts'),
  eval: () => import('./eval.ts'),
  report: () => import('./report.ts'),
  runs: () => import('./runs.ts'),
  compare: () => import('./compare.ts'),
  'fine-tune': () => import('./fine-tune.ts'),
  predict: () => import('./predict.ts'),
  label: () => import('./label.ts'),
  embed: () => import('./embed.ts'),
  search: () => import('./search.ts'),
  export: () => import('./export.ts'),
  serve: () => import('./serve.ts'),
  augment: () => import('./augment.ts'),
  doctor: () => import('./doctor.ts'),
  build: () => import('./build.ts'),
  libtorch: () => import('./libtorch.ts'),
  completion: () => import('./completion.ts'),
};

const controller = new AbortController();
let stoppingSince = 0;

/** The first signal asks the command to stop at its next safe point, a later one kills. */
function stop(signal: NodeJS.Signals): void {
  if (!controller.signal.aborted) {
    stoppingSince = performance.now();
    if (process.stderr.isTTY && speaksForAll())
      process.stderr.write('\nstopping at the next safe point; Ctrl-C again stops at once\n');
    controller.abort(signal);
    return;
  }
  // One Ctrl-C can come twice: from the terminal, and passed on by npm or npx.
  if (performance.now() - stoppingSince < 500) return;
  process.removeListener(signal, stop);
  process.kill(process.pid, signal);
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);

// A reader that went away (`contrastive … | head`) stops the command as a signal does: a training saves its checkpoint.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    controller.abort('SIGPIPE');
  });

process.exitCode = await runProgram(process.argv.slice(2), { commands, signal: controller.signal });
// A command that was stopped does not wait for what may never come, such as other processes.
if (controller.signal.aborted) process.exit();
