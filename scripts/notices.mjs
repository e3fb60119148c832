// `npm run notices` writes THIRD_PARTY_NOTICES.md: what of others the package ships, and what npm installs beside it, from
// package-lock.json. With --check it writes nothing and fails when the file is not current.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './steps.mjs';

const head = `<!-- Written by scripts/notices.mjs (npm run notices); do not edit. -->
# Third-party notices

## In this package

| part | where | licence |
|---|---|---|
| Fashion-MNIST, a subset, © 2017 Zalando SE | \`data/fashion-mnist\`, with its licence | MIT |
| node-addon-api, © Node.js API collaborators | headers compiled into \`prebuilds/\`; the npm package of that name holds the licence | MIT |
| PyTorch (ATen, c10), © Facebook, Inc. and its contributors | inline code of its headers compiled into \`prebuilds/\` | BSD-3-Clause |
| libstdc++, © Free Software Foundation | inline code of its headers compiled into \`prebuilds/\` | GPL-3.0 with the GCC Runtime Library Exception 3.1 |
| the hook for delayed loading of cmake-js, © Gábor Mező | compiled into \`prebuilds/win32-x64\` | MIT, in the words of \`LICENSE\` |
| the C and C++ runtime of Microsoft, © Microsoft Corporation | linked into \`prebuilds/win32-x64/contrastive.node\` | Microsoft's terms for Visual Studio, as distributable code |

libtorch itself comes from elsewhere: \`@contrastive/libtorch-*\` and PyTorch's wheels bring their licences in \`licenses/\`.
PyTorch's licence, whose notice binary forms must carry:

`;

/** The installed dependencies, those for other platforms included, with the licences that they declare. */
function installed() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && !dev)
    .map(([path, { version, license }]) => `| ${path.replace(/^.*node_modules\//, '')} | ${version} | ${license} |`);
}

const licence = readFileSync(join(root, 'packages/PYTORCH-LICENSE'), 'utf8');
const text = `${head}\`\`\`
${licence.trim()}
\`\`\`

## Installed beside it

| package | version | licence |
|---|---|---|
${installed().join('\n')}
`;

const file = join(root, 'THIRD_PARTY_NOTICES.md');
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error('THIRD_PARTY_NOTICES.md is not current; run `npm run notices`');
  process.exitCode = 1;
}
