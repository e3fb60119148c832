/**
 * Writes typed functions for the operations of our own op table and for a curated set of libtorch's operators; signatures
 * come from the schemas that the addon itself reports. lib/tensor/ops.ts has those for users, and Tensor's methods:
 * libtorch's, and of our own what operation-notes.ts describes. lib/tensor/internal-ops.ts has the others of our own.
 *
 * usage: npm run ops            (after a native build)
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Addon } from '../lib/native/addon.ts';
import { operationNotes } from './operation-notes.ts';
import { camel, parseSchema, type Schema, safe } from './operation-schema.ts';

/** libtorch's operators, by the overload that takes tensors: a number in a tensor's place is promoted as in PyTorch. */
const aten: readonly string[] = [
  ...['abs', 'neg', 'exp', 'expm1', 'log', 'log1p', 'log2', 'sqrt', 'rsqrt', 'square', 'reciprocal', 'sign', 'floor'],
  ...['ceil', 'round', 'sin', 'cos', 'tan', 'tanh', 'sigmoid', 'erf', 'isnan', 'isfinite', 'isinf', 'logical_not'],
  ...['relu', 'gelu', 'silu', 'softplus', 'leaky_relu', 'elu', 'hardtanh', 'log_sigmoid'],
  ...['relu6', 'hardswish', 'hardsigmoid'],
  ...['add.Tensor', 'sub.Tensor', 'mul.Tensor', 'div.Tensor', 'pow.Tensor_Tensor', 'maximum', 'minimum', 'atan2'],
  ...['remainder.Tensor', 'eq.Tensor', 'ne.Tensor', 'lt.Tensor', 'le.Tensor', 'gt.Tensor', 'ge.Tensor'],
  ...['logical_and', 'logical_or', 'where.self', 'clamp', 'lerp.Scalar', 'nan_to_num'],
  ...[
    'sum.dim_IntList',
    'mean.dim',
    'amax',
    'amin',
    'max.dim',
    'min.dim',
    'argmax',
    'argmin',
    'std.correction',
    'var.correction',
  ],
  ...[
    'linalg_vector_norm',
    'linalg_svd',
    'linalg_eigh',
    'linalg_eigvalsh',
    'logsumexp',
    'cumsum',
    'all.dims',
    'any.dims',
    'topk',
    'sort',
    'prod.dim_int',
    'bincount',
  ],
  ...[
    'reshape',
    'permute',
    'transpose.int',
    't',
    'flatten.using_ints',
    'unflatten.int',
    'unsqueeze',
    'squeeze.dim',
    'expand',
    'repeat',
  ],
  ...['cat', 'stack', 'split.Tensor', 'chunk', 'unbind.int', 'narrow', 'select.int', 'slice.Tensor', 'index_select'],
  ...[
    'index.Tensor',
    'index_put',
    'gather',
    'scatter.src',
    'scatter_add',
    'masked_fill.Scalar',
    'masked_select',
    'nonzero',
    'flip',
    'roll',
  ],
  ...['tril', 'triu', 'diagonal', 'contiguous', 'clone', 'detach', 'one_hot', 'repeat_interleave.self_int'],
  ...['matmul', 'mm', 'bmm', 'addmm', 'dot', 'outer', 'einsum', 'cdist', 'linear', 'conv2d', 'cosine_similarity'],
  ...['batch_norm', 'layer_norm', 'group_norm', 'softmax.int', 'log_softmax.int', 'cross_entropy_loss', 'nll_loss'],
  ...[
    'smooth_l1_loss',
    'kl_div',
    'mse_loss',
    'binary_cross_entropy_with_logits',
    'embedding',
    'max_pool2d',
    'avg_pool2d',
    'adaptive_avg_pool2d',
  ],
  ...[
    'pad',
    'upsample_nearest2d.vec',
    'upsample_bilinear2d.vec',
    'upsample_bicubic2d.vec',
    'full',
    'zeros',
    'ones',
    'arange',
    'linspace',
    'eye',
    'zeros_like',
    'ones_like',
  ],
  ...[
    'add_.Tensor',
    'sub_.Tensor',
    'mul_.Tensor',
    'div_.Tensor',
    'copy_',
    'fill_.Scalar',
    'zero_',
    'clamp_',
    'lerp_.Scalar',
    'relu_',
  ],
  ...['normal_', 'uniform_', 'empty.memory_format', 'erfinv'],
].map((name) => `aten::${name}`);

/** torch.linalg's functions, whose names are free here. */
const names: Readonly<Record<string, string>> = {
  linalg_vector_norm: 'norm',
  linalg_svd: 'svd',
  linalg_eigh: 'eigh',
  linalg_eigvalsh: 'eigvalsh',
};

/** Keys of random draws, by the function that has them: a fresh one where the caller gives none. */
const keys: Readonly<Record<string, string>> = {
  'dropout.key': 'randomKey()',
  'scaledDotProductAttention.dropoutKey': '(options?.dropoutP ? randomKey() : undefined)',
};

/** Arguments that are indices: floats are refused with a message of our own, before libtorch sees them. */
const rows = new Set(['indexSelect.index', 'gather.index', 'scatter.index', 'scatterAdd.index', 'embedding.indices']);

/** Arguments that are classes, by their function, and what else goes with them: libtorch takes them as int64 alone. */
const classes: Readonly<Record<string, { readonly argument: string; readonly options?: string }>> = {
  crossEntropyLoss: { argument: 'target', options: '{ orSharesOf: input }' },
  nllLoss: { argument: 'target' },
  oneHot: { argument: 'input' },
};

/** What callers do not choose: the value that is passed for it. */
const fixed: Readonly<Record<string, string>> = {
  cudnn_enable: 'true',
  cudnn_enabled: 'true',
  pin_memory: 'undefined',
  implicit: 'undefined',
};

/** The overload to take when the second argument is a number, where it is faster. */
const withNumber: Readonly<Record<string, string>> = { 'aten::pow.Tensor_Tensor': 'aten::pow.Tensor_Scalar' };

/** Tensor arguments in whose place a number may stand, but for matrix products. */
const numeric = new Set(['other', 'exponent', 'factor', 'sigma', 'threshold']);

/** TypeScript's type for a schema's; undefined for what JavaScript never passes (layouts). */
function typeOf(schemaType: string, name: string, operation: string): string | undefined {
  if (name in fixed) return undefined;
  if (name === 'reduction') return 'Reduction';
  if (name === 'memory_format') return 'MemoryFormat';
  const bare = schemaType.replace(/\([a-z!-> |*]*\)/g, '').replace(/\?$/, '');
  if (bare === 'Tensor[]') return 'readonly Tensor[]';
  if (bare === 'Tensor?[]') return 'readonly (Tensor | undefined)[]';
  if (bare === 'Tensor') return numeric.has(name) && operation !== 'matmul' ? 'Tensor | number' : 'Tensor';
  if (/^(SymInt|int)\[\d*\]$/.test(bare)) return 'number | readonly number[]';
  if (/^float\[\d*\]$/.test(bare)) return 'readonly number[]';
  if (['int', 'SymInt', 'float', 'Scalar'].includes(bare)) return 'number';
  if (bare === 'bool') return 'boolean';
  if (bare === 'str') return 'string';
  if (bare === 'ScalarType') return 'DType';
  if (bare === 'Device') return 'string';
  if (bare === 'Generator') return 'Generator';
  return undefined;
}

/**
 * The parameters that a caller can write, with their TypeScript names and types. What may be left out goes by name where its
 * place would have to be filled with undefined: from the first optional tensor on, or the first before a required one.
 */
function visible(schema: Schema) {
  const shown = schema.parameters.flatMap((p) => {
    const type = typeOf(p.type, p.name, schema.tsName);
    const ts = safe(['self', 'A'].includes(p.name) ? 'input' : camel(p.name));
    const key = keys[`${schema.tsName}.${ts}`];
    return type === undefined ? [] : [{ ...p, ts, type, key, optional: p.optional || key !== undefined }];
  });
  const isRequired = (p: (typeof shown)[number]): boolean => !p.keyword && !p.optional;
  const first = shown.findIndex(
    (p, i) => p.keyword || (p.optional && (p.type === 'Tensor' || shown.slice(i).some(isRequired))),
  );
  const count = first === -1 ? shown.length : first;
  return { shown, positional: shown.slice(0, count), keywords: shown.slice(count) };
}

function signature(schema: Schema): { parameters: string[]; result: string } {
  const { positional, keywords } = visible(schema);
  const bagIsOptional = keywords.every((p) => p.optional);
  const parameters = positional.map((p, i) => {
    const last = bagIsOptional && positional.slice(i).every((q) => q.optional);
    return p.optional ? (last ? `${p.ts}?: ${p.type}` : `${p.ts}: ${p.type} | undefined`) : `${p.ts}: ${p.type}`;
  });
  if (keywords.length > 0) {
    const orNone = (p: (typeof keywords)[number]) => (p.type === 'Tensor' ? '| null | undefined' : '| undefined'); // as modules' fields
    const bag = keywords.map((p) => `readonly ${p.ts}${p.optional ? `?: ${p.type} ${orNone(p)}` : `: ${p.type}`}`);
    parameters.push(`options${bagIsOptional ? '?' : ''}: { ${bag.join('; ')} }`);
  }
  const [only] = schema.returns;
  const result =
    schema.returns.length === 0
      ? 'void'
      : schema.returns.length > 1
        ? `[${schema.returns.map(() => 'Tensor').join(', ')}]`
        : /\[\]/.test(only ?? '')
          ? 'Tensor[]'
          : 'Tensor';
  return { parameters, result };
}

/** What an operation for users does; those of the library alone are described where C++ defines them. */
function docstring(schema: Schema): string {
  const note = operationNotes[schema.tsName];
  if (note !== undefined) return `/**\n${note.replace(/^/gm, ' * ').replace(/ +$/gm, '')}\n */\n`;
  const [, pytorchs] = /^aten::(\w+)/.exec(schema.callName) ?? [];
  return pytorchs === undefined ? '' : `/** As PyTorch's \`${pytorchs}\`. */\n`;
}

function renderFunction(schema: Schema): string {
  const { shown, keywords } = visible(schema);
  const bagIsOptional = keywords.every((p) => p.optional);
  const { parameters, result } = signature(schema);
  const byName = new Map(shown.map((p) => [p.name, p]));
  const args = schema.parameters.map((p) => {
    const seen = byName.get(p.name);
    if (seen === undefined) return fixed[p.name] ?? 'undefined';
    const given = keywords.includes(seen) ? `options${bagIsOptional ? '?' : ''}.${seen.ts}` : seen.ts;
    if (seen.type === 'Reduction') return `reductionCode(${given})`;
    if (seen.type === 'MemoryFormat') return `memoryFormatCode(${given})`;
    if (rows.has(`${schema.tsName}.${seen.ts}`)) return `wholeNumbers('${seen.ts}', ${given})`;
    return seen.key === undefined ? given : `${given} ?? ${seen.key}`;
  });
  while (args.at(-1) === 'undefined') args.pop();
  const check =
    keywords.length > 0
      ? `  checkNames('${schema.tsName}', options, [${keywords.map((p) => `'${p.ts}'`).join(', ')}]);\n`
      : '';
  const caller = result === 'Tensor' ? 'call' : 'callMany';
  const scalar = withNumber[schema.callName];
  const target = scalar
    ? `typeof ${args[1]} === 'number' ? '${scalar}' : '${schema.callName}'`
    : `'${schema.callName}'`;
  const cast = result.startsWith('[') ? ` as ${result}` : '';
  const called = `${caller}(${target}, [${args.join(', ')}])${cast}`;
  const of = classes[schema.tsName];
  const value = of
    ? `callWithClasses('${of.argument}', ${of.argument}, (${of.argument}) => ${called}${of.options ? `, ${of.options}` : ''})`
    : called;
  return (
    `${docstring(schema)}` +
    `export function ${schema.tsName}(${parameters.join(', ')}): ${result} {\n` +
    `${check}  ${result === 'void' ? '' : 'return '}${value};\n}\n`
  );
}

const takesSelf = (schema: Schema): boolean =>
  schema.parameters[0]?.type.startsWith('Tensor') === true &&
  !schema.parameters[0].type.includes('[]') &&
  schema.parameters[0].name === 'self';

const imports: Readonly<Record<string, readonly string[]>> = {
  '../options/names.ts': ['checkNames'],
  './call.ts': [
    'call',
    'callMany',
    'callWithClasses',
    'type MemoryFormat',
    'memoryFormatCode',
    'type Reduction',
    'reductionCode',
    'wholeNumbers',
  ],
  './generator.ts': ['Generator'],
  './random.ts': ['randomKey'],
  './tensor.ts': ['type DType', 'Tensor'],
};

/** A file of these functions, with the imports that they need. */
function renderFile(schemas: readonly Schema[], title: string): string {
  const functions = schemas.map(renderFunction).join('\n');
  const lines = Object.entries(imports).flatMap(([file, names]) => {
    const used = names.filter((name) => new RegExp(`\\b${name.replace('type ', '')}\\b`).test(functions));
    const type = file === './generator.ts' ? 'type ' : '';
    return used.length > 0 ? [`import ${type}{ ${used.join(', ')} } from '${file}';\n`] : [];
  });
  return `// Generated by scripts/generate-ops.ts from the schemas that the addon reports; do not edit.
// biome-ignore-all lint: generated

${title}
${lines.join('')}
${functions}`;
}

function renderMethods(methods: readonly Schema[]): string {
  const declared = methods.map((schema) => {
    const { parameters, result } = signature(schema);
    return `${docstring(schema)}${schema.tsName}(${parameters.slice(1).join(', ')}): ${result};`;
  });
  return `
declare module './tensor.ts' {
  interface Tensor {
${declared.join('\n')}
  }
}

const methods = { ${methods.map((schema) => schema.tsName).join(', ')} };

// Given as many arguments as came: what is too many would be captured with each stack, at a tenth of its cost.
for (const [name, method] of Object.entries(methods))
  Object.defineProperty(Tensor.prototype, name, {
    configurable: true,
    value(this: Tensor, ...others: unknown[]): unknown {
      return (method as (...all: unknown[]) => unknown)(this, ...others);
    },
  });
`;
}

/** The texts of the files in lib/tensor, by their names, before formatting. */
export function renderOps(
  addon: Pick<Addon, 'schema' | 'ownOps'>,
): Readonly<Record<'ops.ts' | 'internal-ops.ts', string>> {
  const named = addon.ownOps().filter((name) => !addon.schema(name).startsWith('_')); // the others are called by name alone
  const read = (name: string): Schema => parseSchema(name, addon.schema(name), names);
  const [own, libtorch] = [named.sort().map(read), aten.map(read)];
  const forUsers = own.filter(({ tsName }) => tsName in operationNotes);
  const methods = renderMethods(libtorch.filter(takesSelf));
  return {
    'ops.ts':
      renderFile([...forUsers, ...libtorch], "/** Operations on tensors, for users: libtorch's, and our own. */") +
      methods,
    'internal-ops.ts': renderFile(
      own.filter((schema) => !forUsers.includes(schema)),
      '/** Operations of our own that the library alone calls. What one does stands above its CONTRASTIVE_OP, in native/. */\n' +
        "import './ops.ts'; // the methods of Tensor, for whoever calls these\n",
    ),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { loadAddon } = await import('../lib/native/addon.ts');
  const folder = new URL('../lib/tensor/', import.meta.url);
  for (const [name, text] of Object.entries(renderOps(loadAddon()))) writeFileSync(new URL(name, folder), text);
}
