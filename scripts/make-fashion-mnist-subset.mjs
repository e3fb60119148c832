/**
 * Makes data/fashion-mnist/: the first 10 000 training and 2 000 test images of Fashion-MNIST, as IDX .gz.
 *
 *   node scripts/make-fashion-mnist-subset.mjs [FOLDER]
 *
 * FOLDER holds the full set; by default where Debian's package dataset-fashion-mnist puts it. The same input and the
 * same zlib give the same bytes: level 9, and Node's gzip header carries no time and no name.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, gunzipSync, gzipSync } from 'node:zlib';

const source = process.argv[2] ?? '/usr/share/datasets/fashion-mnist';
const target = fileURLToPath(new URL('../data/fashion-mnist/', import.meta.url));

const parts = [
  { name: 'train-images-idx3-ubyte.gz', count: 10_000, header: 16, item: 28 * 28 },
  { name: 'train-labels-idx1-ubyte.gz', count: 10_000, header: 8, item: 1 },
  { name: 't10k-images-idx3-ubyte.gz', count: 2_000, header: 16, item: 28 * 28 },
  { name: 't10k-labels-idx1-ubyte.gz', count: 2_000, header: 8, item: 1 },
];

mkdirSync(target, { recursive: true });
const sums = parts.map(({ name, count, header, item }) => {
  const full = gunzipSync(readFileSync(join(source, name)));
  if (full.readUInt32BE(4) < count) throw new Error(`${name}: expected at least ${count} items`);
  const head = Buffer.from(full.subarray(0, header));
  head.writeUInt32BE(count, 4);
  const packed = gzipSync(Buffer.concat([head, full.subarray(header, header + count * item)]), {
    level: constants.Z_BEST_COMPRESSION,
    memLevel: 9,
  });
  packed[9] = 255; // the header's operating system field: unknown, so that every machine writes the same byte
  writeFileSync(join(target, name), packed);
  return `${createHash('sha256').update(packed).digest('hex')}  ${name}`;
});

writeFileSync(
  join(target, 'README.md'),
  `# Fashion-MNIST, a subset

The first 10 000 training images and the first 2 000 test images of Fashion-MNIST, with their labels, in the IDX format
(28×28 pixels, one channel, ten classes). Made by \`scripts/make-fashion-mnist-subset.mjs\`; the images are unchanged.

Source: https://github.com/zalandoresearch/fashion-mnist, MIT licence (see LICENSE).
H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms.
arXiv:1708.07747.

Figures measured on this subset are not comparable with those that papers report for the full 60 000 / 10 000.

SHA-256:

\`\`\`
${sums.join('\n')}
\`\`\`
`,
);
console.log(sums.join('\n'));
