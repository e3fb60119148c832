/** Operations that move elements and change none. */
import type { Call } from '../call.ts';
import type { Value } from '../graph.ts';
import { addSizes, isKnown, isSameSize, type KnownSize, type Size } from '../sizes.ts';
import type { Rows } from './rows.ts';

/** For the end of a slice: all that follows. */
const kToTheEnd = Number.MAX_SAFE_INTEGER;

/** Another shape for the same elements: 0 keeps the size of the same dimension of the input, -1 takes what remains. */
function reshape(call: Call): string {
  const { name, shape: before } = call.value('self');
  const followsImages = (shape: readonly Size[]): boolean => !shape.every(isKnown);
  if (followsImages(before) && !followsImages(call.result.shape))
    return call.refuse('a fixed size of its result would be a product of sizes that follow the size of the images');
  const target = call.result.shape.map((size, i) => {
    const old = before[i];
    return typeof size !== 'number' && old !== undefined && isSameSize(size, old) ? 0 : size;
  });
  const open = target.filter((size) => typeof size !== 'number');
  const rest = open.find((size) => !isKnown(size)) ?? open[0];
  const sizes = target.map((size) => (size === rest ? -1 : size));
  if (!sizes.every(isKnown)) return call.refuse('more than one size of its result follows the size of the images');
  return call.add('Reshape', [name, call.graph.sizes(sizes)]);
}

/** A part of one dimension, from `start` to `end`. */
function slice({ graph }: Call, { name }: Value, dim: number, start: KnownSize, end: KnownSize, step = 1): string {
  const bounds = [graph.sizes([start]), graph.sizes([end]), graph.integers([dim])];
  return graph.add('Slice', [name, ...bounds, ...(step === 1 ? [] : [graph.integers([step])])]);
}

function narrow(call: Call): string {
  const [start, length] = [call.size('start'), call.size('length')];
  const end = addSizes(start, length);
  if (end === undefined) return call.refuse('its end is neither fixed nor a multiple of the batch size');
  const reachesTheEnd = typeof start === 'number' && start < 0 && end === 0;
  return slice(call, call.value('self'), call.number('dim'), start, reachesTheEnd ? kToTheEnd : end);
}

/** The results one after another along a dimension. */
function parts(call: Call): string[] {
  const [value, dim] = [call.value('self'), call.number('dim')];
  let start: KnownSize = 0;
  return call.results.map(({ shape }) => {
    const end = addSizes(start, shape.at(dim) as Size);
    if (end === undefined) return call.refuse('its parts follow the size of the images');
    const part = slice(call, value, dim, start, end);
    start = end;
    return part;
  });
}

/** The last `shift` of a dimension before the others. */
function roll(call: Call): string {
  const [shifts, dims] = [call.numbers('shifts'), call.numbers('dims')];
  if (dims.length === 0) call.refuse("'dims' must name its dimensions");
  const value = call.value('self');
  return dims.reduce((name, dim, i) => {
    const shift = (shifts[i] as number) % call.fixed(value.shape.at(dim), 'the size of a dimension');
    if (shift === 0) return name;
    const part = (start: number, end: number) => slice(call, { ...value, name }, dim, start, end);
    return call.add('Concat', [part(-shift, kToTheEnd), part(0, -shift)], { axis: dim });
  }, value.name);
}

function select(call: Call, dim: number, index: number): string {
  return call.add('Gather', [call.input('self'), call.graph.scalar(index, 'int64')], { axis: dim });
}

function transpose(call: Call, dim0: number, dim1: number): string {
  const { name, shape } = call.value('self');
  const perm = [...shape.keys()];
  const [a, b] = [perm.at(dim0) as number, perm.at(dim1) as number];
  perm[a] = b;
  perm[b] = a;
  return call.add('Transpose', [name], { perm });
}

function permute(call: Call): string {
  const { name, shape } = call.value('self');
  return call.add('Transpose', [name], {
    perm: call.numbers('dims').map((dim) => (dim + shape.length) % shape.length),
  });
}

function squeeze(call: Call): string {
  const { name, shape } = call.value('self');
  const dim = call.number('dim');
  return shape.at(dim) === 1 ? call.add('Squeeze', [name, call.graph.integers([dim])]) : name;
}

const unsqueezed = (call: Call, name: string, ...dims: number[]): string =>
  call.add('Unsqueeze', [name, call.graph.integers(dims)]);

function expand(call: Call): string {
  const { name, shape: before } = call.value('self');
  const { shape } = call.result;
  // 1 keeps a size.
  const sizes = shape.map((size, i): KnownSize => {
    const old = before[i - (shape.length - before.length)];
    if (old !== undefined && isSameSize(old, size)) return 1;
    return isKnown(size) ? size : call.refuse('a size follows the size of the images');
  });
  return call.add('Expand', [name, call.graph.sizes(sizes)]);
}

function repeat(call: Call): string {
  const { name, shape } = call.value('self');
  const repeats = call.sizes('repeats');
  const missing = repeats.length - shape.length;
  const whole = missing === 0 ? name : unsqueezed(call, name, ...Array(missing).keys());
  return call.add('Tile', [whole, call.graph.sizes(repeats)]);
}

const cat = (call: Call): string =>
  call.add(
    'Concat',
    call.values('tensors').map((value) => call.graph.cast(value, call.result.dtype)),
    { axis: call.number('dim') },
  );

function stack(call: Call): string {
  const dim = call.number('dim');
  const rows = call.values('tensors').map((value) => unsqueezed(call, call.graph.cast(value, call.result.dtype), dim));
  return call.add('Concat', rows, { axis: dim });
}

/** Sizes of padding are told from the last dimension backwards, the start of each before its end. */
function pad(call: Call): string {
  const given = call.numbers('pad');
  const { name, shape, dtype } = call.value('self');
  const modes: Readonly<Record<string, string>> = { constant: 'constant', reflect: 'reflect', replicate: 'edge' };
  const mode = modes[call.text('mode')] ?? call.refuse(`'mode' must be one of ${Object.keys(modes).join(', ')}`);
  const side = (end: 0 | 1) => [...shape.keys()].map((dim) => given[2 * (shape.length - 1 - dim) + end] ?? 0);
  const value = call.has('value') ? call.graph.scalar(call.number('value'), dtype) : undefined;
  return call.add('Pad', [name, call.graph.integers([...side(0), ...side(1)]), value], { mode });
}

/** One value in every place. */
function filled(call: Call, value: number): string {
  return call.add('Expand', [call.graph.scalar(value, call.result.dtype), call.graph.sizes(call.sizes('size'))]);
}

export const shapes: Rows = {
  'aten::reshape': reshape,
  'aten::flatten.using_ints': reshape,
  'aten::unflatten.int': reshape,
  'aten::permute': permute,
  'aten::transpose.int': (call) => transpose(call, call.number('dim0'), call.number('dim1')),
  'aten::t': (call) => (call.result.shape.length < 2 ? call.input('self') : transpose(call, 0, 1)),
  'aten::unsqueeze': (call) => unsqueezed(call, call.input('self'), call.number('dim')),
  'aten::squeeze.dim': squeeze,
  'aten::expand': expand,
  'aten::repeat': repeat,
  'aten::cat': cat,
  'aten::stack': stack,
  'aten::narrow': narrow,
  'aten::slice.Tensor': (call) =>
    slice(
      call,
      call.value('self'),
      call.number('dim'),
      call.has('start') ? call.size('start') : 0,
      call.has('end') ? call.size('end') : kToTheEnd,
      call.number('step'),
    ),
  'aten::roll': roll,
  'aten::select.int': (call) => select(call, call.number('dim'), call.number('index')),
  'aten::unbind.int': (call) => call.results.map((_, i) => select(call, call.number('dim'), i)),
  'aten::chunk': parts,
  'aten::split.Tensor': parts,
  'aten::index_select': (call) =>
    call.add('Gather', [call.input('self'), call.input('index')], { axis: call.number('dim') }),
  'aten::embedding': (call) => call.add('Gather', [call.input('weight'), call.input('indices')], { axis: 0 }),
  'aten::pad': pad,
  'aten::full': (call) => filled(call, call.number('fill_value')),
  'aten::zeros': (call) => filled(call, 0),
  'aten::ones': (call) => filled(call, 1),
};
