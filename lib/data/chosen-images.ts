/** Which images of those that were found make a data set. */
import { messageOf } from '../errors.ts';
import { throwIfAborted } from '../validate.ts';

/** At most `limit`, evenly spaced. */
export function thin<T>(items: readonly T[], limit: number | undefined): readonly T[] {
  if (limit === undefined || limit >= items.length) return items;
  return Array.from({ length: limit }, (_, i) => items[Math.floor((i * items.length) / limit)] as T);
}

export interface FindDamagedOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Reads every image once, a few at a time. @returns why, of those that cannot be read. @throws {AbortError} the signal fired. */
export async function findDamaged<T>(
  items: readonly T[],
  read: (item: T) => Promise<unknown>,
  { signal, onProgress }: FindDamagedOptions,
): Promise<Map<T, string>> {
  const reasons = new Map<T, string>();
  const rest = items.values();
  let done = 0;
  const worker = async (): Promise<void> => {
    for (const item of rest) {
      throwIfAborted(signal);
      await read(item).catch((error: unknown) => {
        reasons.set(item, messageOf(error));
      });
      onProgress?.(++done, items.length);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return reasons;
}
