// `npm run sanitize`: builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer in build/sanitize/, runs the tests
// that reach native code under them, and asks LeakSanitizer what a process leaves behind. Arguments after `--` go to vitest in
// place of all this; `--leaks` asks for the last alone. Linux with gcc only.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { run } from './bootstrap.mjs';
import { buildNative } from './build-native.mjs';
import { nativeTests } from './levels.mjs';
import { obtainLibtorch } from './libtorch.mjs';
import { root, runForeground, runLogged, step } from './steps.mjs';

const home = join(root, 'build/sanitize');
// vptr: libtorch's classes have no type information that it could compare with. Assertions: bounds of vectors and spans.
const flags =
  '-fsanitize=address,undefined,float-cast-overflow -fno-sanitize=vptr -D_GLIBCXX_ASSERTIONS -fno-omit-frame-pointer -g1';
/** node is not built with the sanitizers, so that their runtimes must be there before anything else. */
const runtimes = (...names) =>
  names.map((name) => execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()).join(':');

async function buildSanitized() {
  await step('sanitized build', async (at) => {
    const { libtorch } = await obtainLibtorch(at);
    const folders = ['-S', '.', '-B', join(home, 'build'), '-G', 'Ninja'];
    const variables = [`-DCONTRASTIVE_LIBTORCH=${libtorch.root}`, `-DCMAKE_CXX_FLAGS=${flags}`];
    await runLogged('sanitize-configure', 'cmake', [...folders, ...variables], { onLine: at });
    await runLogged('sanitize-build', 'cmake', ['--build', join(home, 'build'), '--parallel', '2'], { onLine: at });
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
      CONTRASTIVE_PREBUILD: home, // node-gyp-build's: where it looks for build/Release
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

await run(async () => {
  const given = process.argv.slice(2);
  if (given.includes('--leaks')) return leaks();
  await buildSanitized();
  if (given.length > 0) return test(given);
  return (await test(nativeTests)) || leaks();
});
