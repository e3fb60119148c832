// What `npm pack` and `npm publish` run first (`prepack`), so that the package holds this checkout's builds and nothing older.
import { bootstrap, run } from './bootstrap.mjs';
import { makePrebuilds } from './prebuilds.mjs';

await run(async () => {
  await bootstrap();
  await makePrebuilds();
});
