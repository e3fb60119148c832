/** Which layer of a network a parameter belongs to, by its name. */

/** '3', 'encoder_layer_3'. */
const isIndex = (part: string): boolean => /^(.*_)?\d+$/.test(part);

const withoutLast = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('.')));

/** A path through its first indices, 'features.1.0' of 'features.1.0.block.2'; undefined where it has none. */
function indexed(path: string): string | undefined {
  const parts = path.split('.');
  const first = parts.findIndex(isIndex);
  if (first === -1) return undefined;
  const others = parts.slice(first).findIndex((part) => !isIndex(part));
  return parts.slice(0, others === -1 ? parts.length : first + others).join('.');
}

/** A projection head, a classifier, a method's predictor: as deep as can be, however many layers they have. */
const isOnTop = (name: string): boolean => /^(head|heads|fc|classifier|method)\./.test(name);

/**
 * The layer of each parameter, from 0, which comes first. A layer is a part with an index in its name: a block of a residual
 * network ('layer1.0'), of a transformer ('encoder.layers.encoder_layer_3'), of ConvNeXt ('features.1.0'). What comes before
 * all of them is layer 0 (the stem, embeddings), and what comes behind all of them is the last one, with the head.
 *
 * @param names in the order of the network, as namedParameters() has them.
 */
export function layersOf(names: readonly string[]): number[] {
  const modules = new Set(names.map(withoutLast));
  const withParts = new Set<string>();
  for (const module of modules)
    for (let path = withoutLast(module); path !== ''; path = withoutLast(path)) withParts.add(path);
  /** Two indices of layers that lie side by side in one part, 'features.0.0' and 'features.0.1', make one of it. */
  const blockOf = (name: string): string | undefined => {
    const module = withoutLast(name);
    return withParts.has(module) ? indexed(module) : (indexed(withoutLast(module)) ?? indexed(module));
  };
  const blocks = names.map((name) => (isOnTop(name) ? undefined : blockOf(name)));
  const numbers = new Map(
    [...new Set(blocks)].filter((block) => block !== undefined).map((block, i) => [block, i + 1]),
  );
  const lastBlock = blocks.findLastIndex((block) => block !== undefined);
  let before = 0;
  return names.map((name, i) => {
    const block = blocks[i];
    if (isOnTop(name) || (lastBlock !== -1 && i > lastBlock)) return numbers.size + 1;
    if (block !== undefined) before = numbers.get(block) as number;
    return before;
  });
}
