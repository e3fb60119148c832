/** Names and messages of others, as they may be shown to people. */

/** Control characters but for the ends of lines and tabs, and what turns the direction of text around. */
const steering = /(?![\n\t])\p{Cc}|[\u2028-\u202e\u2066-\u2069]/gu;

function escaped(character: string): string {
  const code = (character.codePointAt(0) as number).toString(16);
  return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`;
}

/** The text with what steers a terminal written out: an escape is `\x1b`. */
export const visible = (text: string): string => text.replace(steering, escaped);
