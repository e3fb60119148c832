/**
 * Trains two epochs into the folder of the first argument, and is killed before the file operation whose number the second
 * one is. Says how many there were where it comes to the end.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [out, at] = process.argv.slice(2) as [string, string];
let operations = 0;

const names = ['appendFile', 'mkdir', 'open', 'rename', 'rm', 'writeFile'] as const;
const promises = fs.promises as unknown as Record<string, (...args: unknown[]) => unknown>;
for (const name of names) {
  const original = promises[name] as (...args: unknown[]) => unknown;
  promises[name] = (...args) => {
    if (operations++ === Number(at)) process.kill(process.pid, 'SIGKILL');
    return original.apply(promises, args);
  };
}
syncBuiltinESMExports();

const { Trainer } = await import('../../lib/train/trainer.ts');
const { tinyDataset, tinyModels, tinyViews } = await import('./tiny.ts');
const trainer = new Trainer({ ...tinyModels(), augment: tinyViews(), batchSize: 8, epochs: 2, seed: 3 });
await trainer.fit(tinyDataset(), { out, resume: fs.existsSync(`${out}/config.json`) });
process.stdout.write(`${operations}\n`);
