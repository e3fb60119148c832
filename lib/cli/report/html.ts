/** HTML as a tagged template: every value is escaped unless it is Html itself. */
import { visible } from '../visible.ts';

export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

type Value = string | number | Html | undefined | false | readonly Value[];

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Fit for HTML and for XML, which has no place for control characters. */
export const escapeHtml = (text: string): string => visible(text).replace(/[&<>"']/g, (c) => entities[c]!);

function render(value: Value): string {
  if (value instanceof Html) return value.text;
  if (value === undefined || value === false) return '';
  if (Array.isArray(value)) return value.map(render).join('');
  return escapeHtml(String(value));
}

/** Values in text or in quoted attributes; never unquoted, and never inside <script> or <style>. */
export function html(strings: TemplateStringsArray, ...values: Value[]): Html {
  return new Html(strings.reduce((out, text, i) => out + render(values[i - 1]) + text));
}

/** A path or a dotted name, which may be broken behind each part. */
export const breakable = (name: string): Html[] =>
  name.split(/(?<=[/.])/).map((part, i) => html`${i > 0 && html`<wbr>`}${part}`);

/** JSON that is safe inside <script type="application/json">: no `<` can close the element. */
export function scriptJson(value: unknown): Html {
  return new Html(
    JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}
