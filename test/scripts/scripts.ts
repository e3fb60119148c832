/** The scripts are plain JavaScript; their modules are imported by address, with the types that the tests use. */
import { fileURLToPath } from 'node:url';

export const scriptPath = (name: string): string => fileURLToPath(new URL(`../../scripts/${name}`, import.meta.url));

export async function importScript<T>(name: string): Promise<T> {
  return (await import(new URL(`../../scripts/${name}`, import.meta.url).href)) as T;
}
