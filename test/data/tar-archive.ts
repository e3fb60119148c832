/** Writes archives byte by byte, right ones and wrong ones. */

export interface Entry {
  readonly name: string;
  readonly content?: Uint8Array | string;
  readonly type?: string;
  /** In the place of the length of the content, as it stands in the header. */
  readonly size?: string | Uint8Array;
  readonly magic?: string;
  readonly prefix?: string;
  /** Added to the right checksum. */
  readonly wrongBy?: number;
}

export function entry({ name, content = '', type = '0', size, magic, prefix = '', wrongBy = 0 }: Entry): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, 'utf8');
  header.write('0000644\0', 100);
  if (size instanceof Uint8Array) header.set(size, 124);
  else header.write(size ?? `${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write(type, 156, 'latin1');
  header.write(magic ?? 'ustar\0' + '00', 257, 'latin1');
  header.write(prefix, 345, 155, 'utf8');
  header.fill(0x20, 148, 156);
  const sum = header.reduce((all, byte) => all + byte, 0) + wrongBy;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

export const end = Buffer.alloc(1024);

export const archive = (...entries: readonly (Entry | Buffer)[]): Buffer =>
  Buffer.concat([...entries.map((each) => (Buffer.isBuffer(each) ? each : entry(each))), end]);

/** Of an extended header: its length counts its own digits. */
export function pax(name: string, value: string): string {
  const rest = Buffer.byteLength(` ${name}=${value}\n`);
  let length = rest;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return `${length} ${name}=${value}\n`;
}

/** GNU tar's number in bytes, of a field of 12. */
export function inBytes(value: bigint): Uint8Array {
  const field = new Uint8Array(12);
  for (let i = 11, rest = value; i > 0; i--, rest >>= 8n) field[i] = Number(rest & 0xffn);
  field[0] = 0x80;
  return field;
}
