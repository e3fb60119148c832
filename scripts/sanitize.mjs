// `npm run sanitize`: builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer in build/sanitize/, and runs the tests
// that reach native code under them. Arguments after `--` go to vitest in place of these tests. Linux with gcc only.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { run } from './bootstrap.mjs';
import { obtainLibtorch } from './libtorch.mjs';
import { root, runForeground, runLogged, step } from './steps.mjs';

const home = join(root, 'build/sanitize');
// vptr: libtorch's classes have no type information that it could compare with.
const flags = '-fsanitize=address,undefined -fno-sanitize=vptr -fno-omit-frame-pointer -g1';
const tests = [
  'test/native',
  'test/tensor',
  'test/augment',
  'test/losses',
  'test/models',
  'test/optim',
  'test/evaluate',
];

/** node is not built with the sanitizers, so that their runtimes must be there before anything else. */
const runtimes = () =>
  ['libasan.so', 'libubsan.so'].map((name) =>
    execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
  );

await run(async () => {
  await step('sanitized build', async (at) => {
    const { libtorch } = await obtainLibtorch(at);
    const folders = ['-S', '.', '-B', join(home, 'build'), '-G', 'Ninja'];
    const variables = [`-DCONTRASTIVE_LIBTORCH=${libtorch.root}`, `-DCMAKE_CXX_FLAGS=${flags}`];
    await runLogged('sanitize-configure', 'cmake', [...folders, ...variables], { onLine: at });
    await runLogged('sanitize-build', 'cmake', ['--build', join(home, 'build'), '--parallel', '2'], { onLine: at });
  });
  Object.assign(process.env, {
    LD_PRELOAD: runtimes().join(':'),
    // V8 and libtorch keep memory until the end. A test allocates more than there is, which must not end the process.
    ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    CONTRASTIVE_DEEPBIND: '0',
    CONTRASTIVE_PREBUILD: home, // node-gyp-build's: where it looks for build/Release
  });
  const given = process.argv.slice(2);
  return runForeground(process.execPath, [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--testTimeout=600000',
    ...(given.length > 0 ? given : tests),
  ]);
});
