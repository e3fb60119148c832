// Reads what a shared library of 64-bit Linux asks of others: libraries, symbols and their versions. Layouts: System V ABI,
// chapter 5 (dynamic section, symbol table), and the Linux Standard Base, chapter 10.7 (symbol versions).
import { closeSync, openSync, readSync } from 'node:fs';

const tags = { needed: 1n, soname: 14n, rpath: 15n, runpath: 29n };
const sectionTypes = { dynamic: 6, symbols: 11, versionNeeds: 0x6ffffffe, symbolVersions: 0x6fffffff };

/** Libraries that every distribution with glibc has where Node runs. */
export const systemLibrary =
  /^(libc\.so\.6|libm\.so\.6|libdl\.so\.2|libpthread\.so\.0|librt\.so\.1|libgcc_s\.so\.1|libstdc\+\+\.so\.6|libz\.so\.1|ld-linux-[-\w]+\.so\.\d)$/;

/** A slice of a file of any size. */
function readAt(file, offset, length) {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = readSync(file, buffer, done, length - done, offset + done);
    if (count === 0) throw new Error(`the file ends at ${offset + done}, within a table`);
    done += count;
  }
  return buffer;
}

const textAt = (table, offset) => table.toString('latin1', offset, table.indexOf(0, offset));

function readSections(file) {
  const header = readAt(file, 0, 64);
  if (header.toString('latin1', 0, 4) !== '\x7fELF' || header[4] !== 2 || header[5] !== 1)
    throw new Error('not a 64-bit little-endian ELF file');
  const [size, count] = [header.readUInt16LE(58), header.readUInt16LE(60)];
  const table = readAt(file, Number(header.readBigUInt64LE(40)), size * count);
  return Array.from({ length: count }, (_, index) => {
    const at = index * size;
    return {
      type: table.readUInt32LE(at + 4),
      offset: Number(table.readBigUInt64LE(at + 24)),
      size: Number(table.readBigUInt64LE(at + 32)),
      link: table.readUInt32LE(at + 40),
    };
  });
}

/** `{ library, version }` of each version that must be there, by its number in the symbols' version table. */
function readVersionNeeds(bytes, strings) {
  const needs = new Map();
  for (let at = 0; at < bytes.length; ) {
    const library = textAt(strings, bytes.readUInt32LE(at + 4));
    for (let auxiliary = at + bytes.readUInt32LE(at + 8); ; ) {
      const version = textAt(strings, bytes.readUInt32LE(auxiliary + 8));
      needs.set(bytes.readUInt16LE(auxiliary + 6), { library, version });
      const step = bytes.readUInt32LE(auxiliary + 12);
      if (step === 0) break;
      auxiliary += step;
    }
    const step = bytes.readUInt32LE(at + 12);
    if (step === 0) break;
    at += step;
  }
  return needs;
}

/**
 * What the library at `path` is called, needs and offers: `{ soname, needed, paths, undefinedSymbols, definedSymbols,
 * versionNeeds }`. `paths` are its RPATH and RUNPATH; an undefined symbol is `{ name, version, weak }`.
 */
export function readLibrary(path) {
  const file = openSync(path, 'r');
  try {
    const sections = readSections(file);
    const read = ({ offset, size }) => readAt(file, offset, size);
    const find = (type) => sections.find((section) => section.type === type);

    const dynamicSection = find(sectionTypes.dynamic);
    const dynamic = read(dynamicSection);
    const strings = read(sections[dynamicSection.link]);
    const named = (tag) => {
      const found = [];
      for (let at = 0; at < dynamic.length; at += 16)
        if (dynamic.readBigInt64LE(at) === tag) found.push(textAt(strings, Number(dynamic.readBigUInt64LE(at + 8))));
      return found;
    };

    const needsSection = find(sectionTypes.versionNeeds);
    const needs = needsSection ? readVersionNeeds(read(needsSection), strings) : new Map();
    const versionsSection = find(sectionTypes.symbolVersions);
    const versions = versionsSection && read(versionsSection);
    const symbols = read(find(sectionTypes.symbols));
    const undefinedSymbols = [];
    const definedSymbols = [];
    for (let at = 24; at < symbols.length; at += 24) {
      const name = textAt(strings, symbols.readUInt32LE(at));
      const version = versions && needs.get(versions.readUInt16LE((at / 24) * 2) & 0x7fff);
      if (symbols.readUInt16LE(at + 6) !== 0) definedSymbols.push(name);
      else undefinedSymbols.push({ name, version: version?.version, weak: symbols[at + 4] >> 4 === 2 });
    }
    return {
      soname: named(tags.soname)[0],
      needed: named(tags.needed),
      paths: [...named(tags.rpath), ...named(tags.runpath)],
      undefinedSymbols,
      definedSymbols,
      versionNeeds: [...needs.values()],
    };
  } finally {
    closeSync(file);
  }
}
