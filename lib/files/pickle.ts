/**
 * Python's pickles of protocol 2, which torch.save() writes, read as data: nothing is imported and no code runs. What a pickle
 * would import is a name here, and the reader of the pickle says what a call of it makes.
 * Source: pickletools.py of github.com/python/cpython describes the instructions.
 */
import { types } from 'node:util';

/** What a pickle would import: 'collections.OrderedDict'. */
export class PickleName {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** What a call would make of which the reader knows nothing but its name. What is put into it is dropped. */
export class PickleObject {
  readonly madeBy: string;

  constructor(madeBy: string) {
    this.madeBy = madeBy;
  }
}

/** Lists and tuples are arrays, dicts are Maps; an integer that a number cannot hold is a bigint. */
export type PickleValue = null | boolean | number | bigint | string | object;

export interface PickleReader {
  /** What the call makes; undefined where the name is not known. */
  readonly call: (name: string, args: readonly PickleValue[]) => PickleValue | undefined;
  /** What a persistent id stands for. */
  readonly persistent: (id: PickleValue) => PickleValue;
}

/** Each makes one value at most, so that this bounds the memory too. 1000 parameters and their AdamW take about 100 000. */
const mostInstructions = 1_000_000;
const mostNameBytes = 256;

/**
 * The value that a pickle holds, and the byte at which it ends.
 * @throws {Error} a pickle that is damaged, has another protocol or instructions that torch.save() does not write, or more than a
 * million of them; the message has no file name.
 */
export function unpickle(
  bytes: Uint8Array,
  reader: PickleReader,
): { readonly value: PickleValue; readonly end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const stack: PickleValue[] = [];
  const marks: number[] = []; // heights of the stack
  const memo = new Map<number, PickleValue>();
  let at = 0;

  /** Where the next `count` bytes begin; they are behind us then. */
  const skip = (count: number): number => {
    if (count > bytes.length - at) throw new Error(`ends in the middle, at byte ${bytes.length}`);
    at += count;
    return at - count;
  };
  const byte = () => view.getUint8(skip(1));
  const uint32 = () => view.getUint32(skip(4), true);
  const text = (length: number): string => {
    const start = skip(length);
    return utf8.decode(bytes.subarray(start, at));
  };
  const line = (): string => {
    const end = bytes.subarray(at, at + mostNameBytes).indexOf(0x0a);
    if (end === -1) throw new Error(`has a name of more than ${mostNameBytes} bytes at byte ${at}`);
    const found = text(end);
    if (/[^\x21-\x7e]/.test(found)) throw new Error(`has a name that is none at byte ${at}`);
    skip(1);
    return found;
  };
  const long = (): PickleValue => {
    const length = byte();
    const start = skip(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(start + i));
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  };
  const floor = (): number => marks.at(-1) ?? 0;
  const take = (count: number): PickleValue[] => {
    if (stack.length - count < floor()) throw new Error(`takes a value that is not there, at byte ${at - 1}`);
    return stack.splice(stack.length - count);
  };
  const pop = () => take(1)[0] as PickleValue;
  const top = (): PickleValue => {
    const [value] = take(1) as [PickleValue];
    stack.push(value);
    return value;
  };
  const sinceMark = (): PickleValue[] => {
    const height = marks.pop();
    if (height === undefined) throw new Error(`takes values from a mark that is not there, at byte ${at - 1}`);
    return stack.splice(height);
  };
  const recall = (index: number): PickleValue => {
    const value = memo.get(index);
    if (value === undefined) throw new Error(`recalls value ${index}, which it has not kept`);
    return value;
  };
  const append = (values: readonly PickleValue[]): void => {
    const list = top();
    if (Array.isArray(list)) for (const value of values) list.push(value);
    else if (!(list instanceof PickleObject)) throw new Error(`appends to what is no list, at byte ${at - 1}`);
  };
  const set = (pairs: readonly PickleValue[]): void => {
    const map = top();
    if (pairs.length % 2 !== 0) throw new Error(`has a key without a value, at byte ${at - 1}`);
    if (types.isMap(map)) for (let i = 0; i < pairs.length; i += 2) map.set(pairs[i], pairs[i + 1]);
    else if (!(map instanceof PickleObject)) throw new Error(`sets a value in what is no dict, at byte ${at - 1}`);
  };
  const call = (): PickleValue => {
    const [callee, args] = take(2) as [PickleValue, PickleValue];
    if (callee instanceof PickleObject) return callee; // what an unknown thing makes is as unknown
    if (!(callee instanceof PickleName) || !Array.isArray(args))
      throw new Error(`calls what is no name, at byte ${at - 1}`);
    return reader.call(callee.name, args) ?? new PickleObject(callee.name);
  };

  for (let count = 0; count < mostInstructions; count++) {
    const code = byte();
    switch (String.fromCharCode(code)) {
      case '\x80': {
        const protocol = byte();
        if (protocol !== 2) throw new Error(`has protocol ${protocol}; torch.save() writes 2 unless told otherwise`);
        break;
      }
      case '.':
        return { value: pop(), end: at };
      case 'N':
        stack.push(null);
        break;
      case '\x88':
      case '\x89':
        stack.push(code === 0x88);
        break;
      case 'J':
        stack.push(view.getInt32(skip(4), true));
        break;
      case 'K':
        stack.push(byte());
        break;
      case 'M':
        stack.push(view.getUint16(skip(2), true));
        break;
      case '\x8a':
        stack.push(long());
        break;
      case 'G':
        stack.push(view.getFloat64(skip(8), false));
        break;
      case 'X':
        stack.push(text(uint32()));
        break;
      case 'U': // of Python 2
        stack.push(text(byte()));
        break;
      case '}':
        stack.push(new Map());
        break;
      case ']':
      case ')':
        stack.push([]);
        break;
      case '(':
        marks.push(stack.length);
        break;
      case 't':
        stack.push(sinceMark());
        break;
      case '\x85':
      case '\x86':
      case '\x87':
        stack.push(take(code - 0x84));
        break;
      case 'a':
        append(take(1));
        break;
      case 'e':
        append(sinceMark());
        break;
      case 's':
        set(take(2));
        break;
      case 'u':
        set(sinceMark());
        break;
      case 'q':
        memo.set(byte(), top());
        break;
      case 'r':
        memo.set(uint32(), top());
        break;
      case 'h':
        stack.push(recall(byte()));
        break;
      case 'j':
        stack.push(recall(uint32()));
        break;
      case 'c':
        stack.push(new PickleName(`${line()}.${line()}`));
        break;
      case 'R': // a call
      case '\x81': // the making of an object: a call of its class
        stack.push(call());
        break;
      case 'b': // attributes of an object, such as _metadata of a state dict
        take(1);
        top();
        break;
      case 'Q':
        stack.push(reader.persistent(pop()));
        break;
      default:
        throw new Error(`has 0x${code.toString(16)} at byte ${at - 1}, no instruction that torch.save() writes`);
    }
  }
  throw new Error(`has more than ${mostInstructions} instructions`);
}
