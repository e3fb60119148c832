#!/usr/bin/env node
/** The `contrastive` program: the table of commands, each imported when it is asked for, and the signals. */
import { runProgram } from './program.ts';

const commands = {
  doctor: () => import('./doctor.ts'),
  libtorch: () => import('./libtorch.ts'),
};

// The first Ctrl-C asks the command to stop at its next safe point; the handler is gone then, so the second one kills.
const controller = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort(name));

// A reader that went away (`contrastive … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runProgram(process.argv.slice(2), { commands, signal: controller.signal });
