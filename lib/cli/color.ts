/** Colour on a terminal, unless the environment asks for none (no-color.org). */

const codes = { good: 32, warning: 33, accent: 36 } as const;

export type Color = keyof typeof codes;

/** `text` as a stream shows it: in colour where that is a terminal. */
export const colored = (text: string, color: Color, { isTTY }: { readonly isTTY?: boolean }): string =>
  isTTY && !process.env.NO_COLOR ? `\x1b[${codes[color]}m${text}\x1b[0m` : text;
