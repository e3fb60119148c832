/** The samples of an archive, as WebDataset has them: files one behind the other whose names are equal up to the first dot. */
import { extname } from 'node:path';
import { DataError } from '../errors.ts';
import { isObject, parseStrictJson } from '../files/strict-json.ts';
import { throwIfAborted } from '../validate.ts';
import { type TarMember, TarReader } from './tar.ts';
import { kImageExtensions } from './walk.ts';

/** Where an image lies, and its class. */
export interface TarSample {
  readonly path: string;
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly label?: number;
}

export interface TarIndex {
  readonly samples: readonly TarSample[];
  /** Of files that are no part of it, '.txt'. */
  readonly endings: readonly string[];
  /** Samples that are no part of it. */
  readonly withoutImage: number;
}

const kMostImage = 2 ** 28;
const kMostLabel = 64;
const kMostJson = 1 << 20;
const kMaxDepth = 64;

/** The key, and what is behind its dot. Names of hidden files and of files without an ending have none. */
const kName = /^((?:.*\/)?[^./]+)\.([^/]+)$/s;

interface Group {
  readonly key: string;
  readonly endings: Set<string>;
  image?: TarMember;
  /** What `.cls` says, which goes before `.json`. */
  label?: number | undefined;
  jsonLabel?: number | undefined;
}

/**
 * Of each sample the image, whatever its kind, and the class: an integer from 0 in `.cls`, or as `label` in `.json`.
 * @throws {DataError} as TarReader; a sample with two files of one ending, two images or a class that is none.
 */
export function readIndex(path: string, signal?: AbortSignal): Promise<TarIndex> {
  return TarReader.read(path, async (reader) => {
    const samples: TarSample[] = [];
    const endings: string[] = [];
    let withoutImage = 0;
    let group: Group | undefined;
    const end = (): void => {
      if (group === undefined) return;
      const { image, label = group.jsonLabel } = group;
      if (image === undefined) withoutImage++;
      else
        samples.push({
          path,
          name: image.name,
          offset: image.offset,
          size: image.size,
          ...(label !== undefined && { label }),
        });
    };
    for await (const member of reader.members()) {
      throwIfAborted(signal);
      const [, key, ending] = (kName.exec(member.name) ?? []) as [string?, string?, string?];
      if (key === undefined || ending === undefined) {
        endings.push(endingOf(extname(member.name)));
        continue;
      }
      if (group?.key !== key) {
        end();
        group = { key, endings: new Set() };
      }
      await add(reader, path, group, member, ending.toLowerCase(), endings);
    }
    end();
    return { samples, endings, withoutImage };
  });
}

async function add(
  reader: TarReader,
  path: string,
  group: Group,
  member: TarMember,
  ending: string,
  endings: string[],
): Promise<void> {
  const refuse = (what: string): never => {
    throw new DataError(`${path}: ${JSON.stringify(member.name)}: ${what}`);
  };
  if (group.endings.has(ending)) refuse('its sample has a file of that ending already');
  group.endings.add(ending);
  if (kImageExtensions.includes(`.${ending}`)) {
    if (group.image) refuse(`its sample has an image already, ${JSON.stringify(group.image.name)}`);
    if (member.size > kMostImage) refuse(`an image must have ${kMostImage} bytes at most, got ${member.size}`);
    group.image = member;
  } else if (ending === 'cls') {
    const text = Buffer.from(await reader.content(member, kMostLabel))
      .toString('latin1')
      .trim();
    group.label = classIndex(/^\d+$/.test(text) ? Number(text) : undefined);
    if (group.label === undefined) refuse(`a class must be an integer from 0 to 2^31 - 1, got ${JSON.stringify(text)}`);
  } else if (ending === 'json') {
    const bytes = await reader.content(member, kMostJson);
    try {
      const value = parseStrictJson(Buffer.from(bytes).toString('utf8'), kMaxDepth);
      if (isObject(value)) group.jsonLabel = classIndex(value.label);
    } catch (error) {
      refuse(`is not valid JSON: ${(error as Error).message}`);
    }
  } else endings.push(endingOf(`.${ending}`));
}

const classIndex = (value: unknown): number | undefined =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0x7fffffff ? (value as number) : undefined;

/** For people to read, whatever an archive says. */
const endingOf = (ending: string): string => (/^(\.[\w-]{1,16}){0,4}$/.test(ending) ? ending : ' of another kind');
