// `npm run sanitize`: builds the addon and the simulated device of tests with AddressSanitizer and UndefinedBehaviorSanitizer in
// build/sanitize/, runs the tests that reach native code under them, and asks LeakSanitizer what a process leaves behind. Arguments
// after `--` go to vitest in place of all this; `--leaks` asks for the last alone. `--threads` does the same with ThreadSanitizer, in
// build/threads/: the tests in which most threads are at work, or those that are named behind it. Linux with gcc only.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './bootstrap.mjs';
import { buildNative } from './build-native.mjs';
import { nativeTests } from './levels.mjs';
import { obtainLibtorch } from './libtorch.mjs';
import { root, runForeground, runLogged, step } from './steps.mjs';

/** Each has a folder of its own. vptr: libtorch's classes have no type information that it could compare with. */
const flags = {
  // Assertions: bounds of vectors and spans.
  sanitize: '-fsanitize=address,undefined,float-cast-overflow -fno-sanitize=vptr -D_GLIBCXX_ASSERTIONS',
  threads: '-fsanitize=thread',
};
const homeOf = (kind) => join(root, 'build', kind);
/** node is not built with the sanitizers, so that their runtimes must be there before anything else. */
const runtimes = (...names) =>
  names.map((name) => execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()).join(':');

/** Tests whose names have this in them reach a device, or the simulated one. */
const deviceTests = 'cuda';
/** Streams, pools, workers, requests, ranks and their connections. */
const threadTests = ['test/native/lifecycle', 'test/native/recycler', 'test/serve', 'test/distributed', deviceTests];

async function buildSanitized(kind) {
  await step('sanitized build', async (at) => {
    const { libtorch } = await obtainLibtorch(at);
    const folder = join(homeOf(kind), 'build');
    const variables = [
      `-DCONTRASTIVE_LIBTORCH=${libtorch.root}`,
      `-DCMAKE_CXX_FLAGS=${flags[kind]} -fno-omit-frame-pointer -g1`,
    ];
    await runLogged(`${kind}-configure`, 'cmake', ['-S', '.', '-B', folder, '-G', 'Ninja', ...variables], {
      onLine: at,
    });
    const targets = ['--target', 'all', 'simulated_device'];
    await runLogged(`${kind}-build`, 'cmake', ['--build', folder, '--parallel', '2', ...targets], { onLine: at });
  });
}

const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--testTimeout=600000', '--hookTimeout=600000'];

const variablesOf = (kind) => ({
  CONTRASTIVE_DEEPBIND: '0',
  CONTRASTIVE_PREBUILD: homeOf(kind), // node-gyp-build's: where it looks for build/Release
});

const test = (given) =>
  runForeground(process.execPath, [...vitest, ...given], {
    ...variablesOf('sanitize'),
    LD_PRELOAD: runtimes('libasan.so', 'libubsan.so'),
    // V8 keeps memory until the end. A test allocates more than there is, which must not end the process.
    ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  });

/** LeakSanitizer by itself goes with the ordinary build, and finds nothing in V8 and libtorch. */
async function leaks() {
  await buildNative();
  const script = join(root, 'test/native/lifecycle/leaks.ts');
  const status = await runForeground(process.execPath, ['--expose-gc', '--import', 'tsx', script], {
    LD_PRELOAD: runtimes('liblsan.so'),
    LSAN_OPTIONS: 'fast_unwind_on_malloc=0',
    CONTRASTIVE_DEEPBIND: '0',
    OMP_NUM_THREADS: '1',
  });
  console.log(status === 0 ? 'no leaks' : 'leaks, or a failure: see above');
  return status;
}

/** A report with functions and lines: gcc's runtime knows those of libraries alone that were there when it started. */
function withLines(report) {
  const folder = join(homeOf('threads'), 'build');
  const paths = {
    'contrastive_core.so': join(folder, 'Release/contrastive_core.so'),
    'simulated_device.node': join(folder, 'test/simulated_device.node'),
  };
  return report.replace(/<null> <null> \((\w+\.\w+)\+(0x\w+)\)/g, (frame, name, offset) =>
    paths[name] === undefined
      ? frame
      : execFileSync('addr2line', ['-Cfpe', paths[name], offset], { encoding: 'utf8' }).trim(),
  );
}

/**
 * ThreadSanitizer over both streams, the pool and workers, and over tests. It sees our own code's accesses: of libtorch and node,
 * which are not built with it, neither those nor their atomics, so that reports from inside them are left out, and OpenMP's team
 * is one thread. Mutexes of libtorch's are locked inside it and unlocked by functions of its headers: their use is not judged. It
 * wants addresses where they always were (setarch). Tests start processes, whose errors they read: each process reports in a file
 * of its own.
 */
async function threads(given) {
  await buildSanitized('threads');
  const reports = join(homeOf('threads'), 'reports');
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports);
  const options = {
    suppressions: join(root, 'scripts/sanitize-threads.txt'),
    log_path: join(reports, 'process'),
    ...{ exitcode: 0, report_mutex_bugs: 0, second_deadlock_stack: 1 },
  };
  const variables = {
    ...variablesOf('threads'),
    LD_PRELOAD: runtimes('libtsan.so'),
    TSAN_OPTIONS: Object.entries(options)
      .map(([name, value]) => `${name}=${value}`)
      .join(':'),
    OMP_NUM_THREADS: '1',
  };
  const node = (args) => runForeground('setarch', ['-R', process.execPath, ...args], variables);
  const script = ['--import', 'tsx', join(root, 'test/native/lifecycle/races.ts')];
  const status =
    given.length > 0
      ? await node([...vitest, ...given])
      : (await node(script)) || (await node([...vitest, ...threadTests]));
  const found = readdirSync(reports);
  for (const name of found) console.log(withLines(readFileSync(join(reports, name), 'utf8')));
  console.log(found.length === 0 ? 'no races' : `races in ${found.length} processes: see above`);
  return status || Number(found.length > 0);
}

await run(async () => {
  const given = process.argv.slice(2);
  if (given.includes('--leaks')) return leaks();
  if (given[0] === '--threads') return threads(given.slice(1));
  await buildSanitized('sanitize');
  if (given.length > 0) return test(given);
  return (await test([...nativeTests, deviceTests])) || leaks();
});
