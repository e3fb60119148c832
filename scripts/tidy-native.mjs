// `npm run tidy`: clang-tidy over the C++ sources, with the checks of .clang-tidy; a finding fails. Arguments after `--` are
// files or folders to look at in place of all. Linux and macOS.
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import { run } from './bootstrap.mjs';
import { obtainLibtorch } from './libtorch.mjs';
import { interruptible, root, runLogged, StepError, stamp, step } from './steps.mjs';

// From PyPI, since every version has other checks, and distributions have other versions. CLANG_TIDY names another program.
const version = '23.1.4';
const home = join(root, 'build/tidy');
const program = process.env.CLANG_TIDY ?? join(home, 'clang-tidy/clang_tidy/data/bin/clang-tidy');
const installed = stamp('build/tidy/clang-tidy.stamp');

async function obtainClangTidy(at) {
  if (process.env.CLANG_TIDY !== undefined) return program;
  if (installed.read() === version) return version;
  const folder = join(home, 'clang-tidy');
  installed.clear();
  rmSync(folder, { recursive: true, force: true });
  const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--only-binary=:all:'];
  await runLogged('tidy-install', 'python3', [...pip, '--target', folder, `clang-tidy==${version}`], { onLine: at });
  installed.write(version);
  return version;
}

/** Writes down how each source is compiled; by itself, and without the precompiled header, which is the compiler's own. */
async function configure(at) {
  const { libtorch } = await obtainLibtorch(at);
  const variables = [
    `-DCONTRASTIVE_LIBTORCH=${libtorch.root}`,
    '-DCMAKE_EXPORT_COMPILE_COMMANDS=ON',
    '-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON',
    '-DCONTRASTIVE_UNITY=OFF',
  ];
  await runLogged('tidy-configure', 'cmake', ['-S', '.', '-B', join(home, 'build'), ...variables], { onLine: at });
}

/** The sources among the given files and folders, or all. */
function sources(given) {
  const commands = JSON.parse(readFileSync(join(home, 'build/compile_commands.json'), 'utf8'));
  const all = commands.map(({ file }) => relative(root, file));
  if (given.length === 0) return all;
  const covers = (name, file) => file === name || file.startsWith(name + sep);
  const names = given.map((name) => relative(root, resolve(name)));
  for (const name of names)
    if (!all.some((file) => covers(name, file)))
      throw new StepError(`${name} holds no C++ source; a header is looked at with the sources that include it`);
  return all.filter((file) => names.some((name) => covers(name, file)));
}

/** One source, with the headers of ours that it includes. */
function inspect(file, signal) {
  return new Promise((done, fail) => {
    const child = spawn(program, ['-p', join(home, 'build'), '--quiet', file], { cwd: root, signal });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'])
      child[name].setEncoding('utf8').on('data', (text) => {
        output[name] += text;
      });
    child.on('error', (error) => fail(new StepError(`${program} could not be started: ${error.message}`)));
    // Beside findings it counts what it left out, in the headers of others; without any, it says why it could not work.
    child.on('close', (status) => done({ status, text: output.stdout || (status === 0 ? '' : output.stderr) }));
  });
}

/** Inspects all files, a few at a time; resolves to the number of those with findings. A header's are shown once. */
async function inspectAll(files, signal) {
  const waiting = [...files];
  const shown = new Set();
  let ended = 0;
  let bad = 0;
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const started = performance.now();
      const { status, text } = await inspect(file, signal);
      ended += 1;
      if (status !== 0) bad += 1;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`  ${String(ended).padStart(3)}/${files.length}  ${file.padEnd(48)} ${seconds.padStart(6)} s`);
      const findings = text.split(/(?<=\n)(?=\S+:\d+:\d+: (?:error|warning): )/);
      for (const finding of findings.filter((one) => one.trim() !== '' && !shown.has(one))) {
        shown.add(finding);
        console.log(finding.trimEnd());
      }
    }
  };
  // A source that includes ATen takes about 0.8 GB.
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / 0.8e9)));
  await Promise.all(Array.from({ length: jobs }, work));
  return bad;
}

await run(async () => {
  await step('clang-tidy', obtainClangTidy);
  await step('compile commands', configure);
  const files = sources(process.argv.slice(2));
  const bad = await interruptible((signal) => inspectAll(files, signal));
  console.log(bad === 0 ? `${files.length} sources, no findings` : `findings in ${bad} of ${files.length} sources`);
  return bad === 0 ? 0 : 1;
});
