/**
 * Under which names a file holds the tensors of a module: what stands before them, and what projects other than torchvision call
 * them. The one table of that.
 */

/** How some projects name what torchvision, whose names are ours, calls otherwise. */
export interface Naming {
  /** Who writes them. */
  readonly of: string;
  /** ε of their batch normalisation, where that of torchvision's network is another one. */
  readonly epsilon?: number;
  /** Our names of a classifier that stands in a part which the module has, and is left out. */
  readonly classifier?: RegExp;
  /** From their names to ours; all that fit apply, in order. */
  readonly rules: readonly (readonly [RegExp, string])[];
}

/** The parts of a residual network as a list, from its first index to its names. */
const numbered = (...parts: readonly string[]): Naming['rules'] =>
  parts.flatMap((part, index) => (part === '' ? [] : [[new RegExp(`^${index}\\.`), `${part}.`] as const]));

type Part = readonly [string, string];

const depthwise: Part = ['conv_dw', 'bn1'];
const pointwise: Part = ['conv_pw', 'bn2'];
/** Of a block that has more channels inside. */
const inverted: readonly Part[] = [
  ['conv_pw', 'bn1'],
  ['conv_dw', 'bn2'],
];
const squeeze: Part = ['se.conv_reduce', 'se.conv_expand'];
const project: Part = ['conv_pwl', 'bn3'];

/** The parts of the blocks of a stage of timm's EfficientNet or MobileNetV3, to their places in torchvision's `block`. */
const blockParts = (stage: string, ...parts: readonly Part[]): Naming['rules'] =>
  parts.flatMap(([first, second], place) =>
    [first, second].map((part, i) => {
      const own = part.startsWith('se.') ? `fc${i + 1}` : i;
      return [new RegExp(`^(blocks\\.${stage}\\.\\d+)\\.${part}\\.`), `$1.block.${place}.${own}.`] as const;
    }),
  );

/** Blocks that timm counts in each stage, and torchvision from 1 on. */
const countedBlocks = (...stages: readonly number[]): Naming['rules'] =>
  stages
    .flatMap((count, stage) => Array.from({ length: count }, (_, i) => `${stage}\\.${i}`))
    .map((place, i) => [new RegExp(`^blocks\\.${place}\\.`), `features.${i + 1}.`] as const);

/** The same in both; `bn1` and `conv_stem` are outside the blocks. */
const stem: Naming['rules'] = [
  [/^conv_stem\./, 'features.0.0.'],
  [/^bn1\./, 'features.0.1.'],
];

const shortcut = [/^(layer\d+\.\d+)\.shortcut\./, '$1.downsample.'] as const;
const layer = 'encoder.layers.encoder_layer_$1';

/** torchvision's own names come first: where several fit as well, the first does. */
export const namings: readonly Naming[] = [
  // And timm's, MoCo's, SimSiam's, Barlow Twins', SwAV's and solo-learn's residual networks. The classifier is ConvNeXt's.
  { of: 'torchvision', rules: [], classifier: /^classifier\.2\./ },
  { of: 'SupContrast', rules: [shortcut] },
  {
    of: 'lightly, a list of the parts of torchvision.models.resnet',
    rules: numbered('conv1', 'bn1', '', '', 'layer1', 'layer2', 'layer3', 'layer4'),
  },
  {
    of: 'lightly, ResNetGenerator',
    rules: [...numbered('conv1', 'bn1', 'layer1', 'layer2', 'layer3', 'layer4'), shortcut],
  },
  {
    of: 'torchvision before 0.12, vision transformers',
    rules: [
      [/\.mlp\.linear_1\./, '.mlp.0.'],
      [/\.mlp\.linear_2\./, '.mlp.3.'],
    ],
  },
  {
    of: 'timm, vision transformers', // and MoCo v3's, DINO's and MAE's
    rules: [
      [/^cls_token$/, 'class_token'],
      [/^pos_embed$/, 'encoder.pos_embedding'],
      [/^patch_embed\.proj\./, 'conv_proj.'],
      [/^norm\./, 'encoder.ln.'],
      [/^blocks\.(\d+)\.norm([12])\./, `${layer}.ln_$2.`],
      [/^blocks\.(\d+)\.attn\.qkv\./, `${layer}.self_attention.in_proj_`],
      [/^blocks\.(\d+)\.attn\.proj\./, `${layer}.self_attention.out_proj.`],
      [/^blocks\.(\d+)\.mlp\.fc1\./, `${layer}.mlp.0.`],
      [/^blocks\.(\d+)\.mlp\.fc2\./, `${layer}.mlp.3.`],
    ],
  },
  {
    of: 'timm, EfficientNet-B0',
    rules: [
      ...stem,
      ...blockParts('0', depthwise, squeeze, pointwise),
      ...blockParts('[1-6]', ...inverted, squeeze, project),
      ...[0, 1, 2, 3, 4, 5, 6].map((i) => [new RegExp(`^blocks\\.${i}\\.`), `features.${i + 1}.`] as const),
      [/^conv_head\./, 'features.8.0.'],
      [/^bn2\./, 'features.8.1.'],
    ],
  },
  {
    of: 'timm, MobileNetV3-Large',
    epsilon: 1e-5,
    rules: [
      ...stem,
      [/^blocks\.6\.0\.conv\./, 'features.16.0.'],
      [/^blocks\.6\.0\.bn1\./, 'features.16.1.'],
      ...blockParts('0', depthwise, pointwise),
      ...blockParts('[13]', ...inverted, project),
      ...blockParts('[245]', ...inverted, squeeze, project),
      ...countedBlocks(1, 2, 3, 4, 2, 3),
    ],
  },
  {
    of: 'timm, ConvNeXt',
    rules: [
      [/^stem\.([01])\./, 'features.0.$1.'],
      [/^stages\.(\d+)\.blocks\.(\d+)\.conv_dw\./, 'stages.$1.$2.block.0.'],
      [/^stages\.(\d+)\.blocks\.(\d+)\.norm\./, 'stages.$1.$2.block.2.'],
      [/^stages\.(\d+)\.blocks\.(\d+)\.mlp\.fc1\./, 'stages.$1.$2.block.3.'],
      [/^stages\.(\d+)\.blocks\.(\d+)\.mlp\.fc2\./, 'stages.$1.$2.block.5.'],
      [/^stages\.(\d+)\.blocks\.(\d+)\.gamma$/, 'stages.$1.$2.layer_scale'],
      ...[0, 1, 2, 3].flatMap((i) => [
        [new RegExp(`^stages\\.${i}\\.downsample\\.`), `features.${2 * i}.`] as const,
        [new RegExp(`^stages\\.${i}\\.`), `features.${2 * i + 1}.`] as const,
      ]),
      [/^head\.norm\./, 'classifier.0.'],
    ],
  },
];

/** Parts of a name that tell of a network which follows another one; of DINO's two, the student is the worse one. */
const follower = /(^|\.|_)(encoder_k|key|momentum|target|ema|student)(_|\.)/;

/** Names in the file are longer: 'state_dict.module.encoder_q.' is three parts. */
const mostPrefixParts = 6;

export interface NameMatch {
  /** What stands before the names. */
  readonly prefix: string;
  readonly naming: Naming;
  /** Of the module's name, that in the file. */
  readonly names: ReadonlyMap<string, string>;
}

/** The name that a module would have for `name`, of which the prefix is gone. */
export const ownNameOf = (name: string, { rules }: Naming): string =>
  rules.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), name);

/**
 * Where a file holds most of a module's tensors. A network that is trained goes before one that follows it.
 *
 * @param own names of the module. @param names of the file. @param prefix where it is known.
 * @returns none where no name fits; several, of different prefixes, where as much of the module lies under each.
 */
export function matchNames(own: ReadonlySet<string>, names: Iterable<string>, prefix?: string): NameMatch[] {
  const candidates = new Map<string, NameMatch & { readonly names: Map<string, string> }>();
  for (const name of names)
    for (const start of prefix === undefined ? prefixesOf(name) : [prefix])
      for (const [i, naming] of name.startsWith(start) ? namings.entries() : []) {
        const ownName = ownNameOf(name.slice(start.length), naming);
        if (!own.has(ownName)) continue;
        const key = `${i} ${start}`;
        const candidate = candidates.get(key) ?? { prefix: start, naming, names: new Map() };
        candidate.names.set(ownName, name);
        candidates.set(key, candidate);
      }
  return bestOf([...candidates.values()]);
}

function bestOf(candidates: readonly NameMatch[]): NameMatch[] {
  const most = candidates.reduce((size, { names }) => Math.max(size, names.size), 0);
  const best = candidates.filter(({ names }) => names.size === most);
  const leading = best.filter(({ prefix }) => !follower.test(prefix));
  const byPrefix = new Map<string, NameMatch>();
  for (const naming of namings)
    for (const match of leading.length > 0 ? leading : best)
      if (match.naming === naming && !byPrefix.has(match.prefix)) byPrefix.set(match.prefix, match);
  return [...byPrefix.values()];
}

/** '', 'state_dict.', 'state_dict.module.' of 'state_dict.module.fc.weight', and no more than can stand before a network. */
function prefixesOf(name: string): string[] {
  const prefixes = [''];
  for (let at = name.indexOf('.'); at !== -1 && prefixes.length <= mostPrefixParts; at = name.indexOf('.', at + 1))
    prefixes.push(name.slice(0, at + 1));
  return prefixes;
}
