/** That processes which compute together do so of the same things. */
import { DistributedError } from '../errors.ts';
import { shortDigest } from './code-signature.ts';
import { fromRankZero, rank } from './group.ts';

/**
 * Compares what decides a piece of work with what does in rank 0. Every process must call it; without a group, there is nothing to compare.
 * @param doing the verb of the message.
 * @param decides plain data by name; of a function, its code.
 * @throws {DistributedError} the first that differs.
 */
export async function expectAsRankZero(doing: string, decides: Readonly<Record<string, unknown>>): Promise<void> {
  const here = Object.entries(decides).map(([name, value]) => [name, asText(value)] as const);
  const there = new Map(await fromRankZero(() => here));
  for (const [name, value] of here) {
    const [place, own, other] = difference(value, there.get(name) as string);
    if (own !== other)
      throw new DistributedError(
        `rank ${rank()} ${doing} otherwise than rank 0: ${name}${place} is ${own} here and ${other} there`,
      );
  }
}

/** Where two values, as JSON, differ: of lists, the first element that does. */
function difference(here: string, there: string): [place: string, here: string, there: string] {
  if (here === there || !here.startsWith('[') || !there.startsWith('[')) return ['', here, there];
  const [own, other] = [here, there].map((text) => JSON.parse(text) as readonly unknown[]) as [unknown[], unknown[]];
  const texts = (i: number): [string, string] => [asText(own[i]), asText(other[i])];
  const first = Array.from({ length: Math.max(own.length, other.length) }, (_, i) => i).find(
    (i) => texts(i)[0] !== texts(i)[1],
  ) as number;
  return [`[${first}]`, ...texts(first)];
}

/** As JSON, in which a function is its code: two that only have their name in common are different. */
const asText = (value: unknown): string =>
  String(JSON.stringify(value, (_, part) => (typeof part === 'function' ? codeOf(part) : part)));

const codeOf = (part: (...args: never) => unknown): string => `${part.name} (code ${shortDigest(String(part))})`;
