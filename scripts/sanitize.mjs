// `npm run sanitize`: builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer in build/sanitize/, runs the tests
// that reach native code under them, and asks LeakSanitizer what a process leaves behind. Arguments after `--` go to vitest in
// place of all this; `--leaks` asks for the last alone, `--threads` for a run under ThreadSanitizer (build/threads/).
// Linux with gcc only.
import { execFileSync } from 'node:child_process';
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
    await runLogged(`${kind}-build`, 'cmake', ['--build', folder, '--parallel', '2'], { onLine: at });
  });
}

const test = (given) =>
  runForeground(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--testTimeout=600000', ...given],
    {
      LD_PRELOAD: runtimes('libasan.so', 'libubsan.so'),
      // V8 keeps memory until the end. A test allocates more than there is, which must not end the process.
      ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
      UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
      CONTRASTIVE_DEEPBIND: '0',
      CONTRASTIVE_PREBUILD: homeOf('sanitize'), // node-gyp-build's: where it looks for build/Release
    },
  );

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

/**
 * ThreadSanitizer over both streams, the pool and workers. It sees our own code's accesses: of libtorch and node, which are not
 * built with it, neither those nor their atomics, so that reports from inside them are left out, and OpenMP's team is one
 * thread. It wants addresses where they always were (setarch).
 */
async function threads() {
  await buildSanitized('threads');
  const script = join(root, 'test/native/lifecycle/races.ts');
  const suppressions = join(root, 'scripts/sanitize-threads.txt');
  const status = await runForeground('setarch', ['-R', process.execPath, '--import', 'tsx', script], {
    LD_PRELOAD: runtimes('libtsan.so'),
    TSAN_OPTIONS: `suppressions=${suppressions}:exitcode=66:second_deadlock_stack=1`,
    CONTRASTIVE_DEEPBIND: '0',
    CONTRASTIVE_PREBUILD: homeOf('threads'),
    OMP_NUM_THREADS: '1',
  });
  console.log(status === 0 ? 'no races' : 'races, or a failure: see above');
  return status;
}

await run(async () => {
  const given = process.argv.slice(2);
  if (given.includes('--leaks')) return leaks();
  if (given.includes('--threads')) return threads();
  await buildSanitized('sanitize');
  if (given.length > 0) return test(given);
  return (await test(nativeTests)) || leaks();
});
