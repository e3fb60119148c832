/** Concurrency with a bound, results in order. */

/**
 * `work(item)` for each item, at most `limit` at a time; yields in the order of the items. Ending the loop early, or a
 * rejection, starts no further items; those under way go on, unheard.
 */
export async function* mapOrdered<Item, Result>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item, index: number) => Promise<Result>,
): AsyncGenerator<Result> {
  const underWay: Promise<Result>[] = [];
  let index = 0;
  for (const item of items) {
    const result = work(item, index++);
    result.catch(() => {}); // heard at its turn; until then it is not unhandled
    underWay.push(result);
    if (underWay.length >= limit) yield await (underWay.shift() as Promise<Result>);
  }
  for (const result of underWay) yield await result;
}
