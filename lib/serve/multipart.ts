/** The files of a form, from the bytes of a request. */
import { DataError } from '../errors.ts';
import { describe } from '../validate.ts';

// The characters of RFC 2046, section 5.1.1.
const kBoundary = /;\s*boundary=(?:"([\w'()+,./:=? -]{1,70})"|([\w'+./-]{1,70}))(?=\s*(?:;|$))/i;
const kMostHeaderBytes = 16_384;
/** Lines in a part that begin as the boundary does, and go on: of images there are none, and millions of them would take seconds. */
const kMostLookalikes = 1000;

/**
 * The files of a body of multipart/form-data (RFC 7578), in their order, as views of its bytes; undefined when there are more
 * than `limit` parts. A part is a file when it has a file name, in any of the ways that clients write one, or is said to be an
 * image or bytes.
 *
 * @param type the request's content-type, with the boundary.
 * @throws {DataError} not a form, a part that is no file, or none at all.
 */
export function filesOfForm(body: Buffer, type: string, limit: number): Uint8Array[] | undefined {
  const [, quoted, bare] = kBoundary.exec(type) ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) throw new DataError(`multipart/form-data must name its boundary, got ${describe(type)}`);
  const files: Uint8Array[] = [];
  let delimiter = nextDelimiter(body, boundary, 0); // what is before the first is not for us
  while (!delimiter.isLast) {
    if (files.length === limit) return undefined;
    const { headers, content } = headersAt(body, delimiter.end);
    const next = nextDelimiter(body, boundary, content - 2); // an empty part has one line break for both
    if (!isFile(headers)) throw new DataError(`inputs[${files.length}]: must be a file, got a text field`);
    files.push(body.subarray(content, Math.max(content, next.start)));
    delimiter = next;
  }
  if (files.length === 0) throw new DataError('a batch must have a part for each image, got none');
  return files;
}

const notAForm = (why: string): DataError => new DataError(`the request body is not multipart/form-data: ${why}`);

interface Delimiter {
  /** Of the line break before it. */
  readonly start: number;
  /** Behind the line break after it. */
  readonly end: number;
  readonly isLast: boolean;
}

/** @throws {DataError} there is none. */
function nextDelimiter(body: Buffer, boundary: string, from: number): Delimiter {
  const text = `\r\n--${boundary}`;
  let start = from === 0 && body.indexOf(text.slice(2)) === 0 ? -2 : body.indexOf(text, from);
  for (let lookalikes = 0; start !== -1; lookalikes++) {
    if (lookalikes > kMostLookalikes)
      throw notAForm(`more than ${kMostLookalikes} lines of a part begin with '--${boundary}'`);
    let end = start + text.length;
    if (body.toString('latin1', end, end + 2) === '--') return { start, end: end + 2, isLast: true };
    while (body[end] === 0x20 || body[end] === 0x09) end++;
    if (body.toString('latin1', end, end + 2) === '\r\n') return { start, end: end + 2, isLast: false };
    start = body.indexOf(text, end); // a line that only begins like it
  }
  throw notAForm(`it has no ${from === 0 ? 'first' : 'last'} line '--${boundary}${from === 0 ? '' : '--'}'`);
}

/** The headers of a part as text, and where its content begins. */
function headersAt(body: Buffer, start: number): { headers: string; content: number } {
  const end = body.subarray(start - 2, start + kMostHeaderBytes).indexOf('\r\n\r\n');
  if (end === -1) throw notAForm(`the headers of a part must end within ${kMostHeaderBytes} bytes`);
  const headers = body.toString('latin1', start, Math.max(start, start - 2 + end));
  return { headers, content: start + end + 2 };
}

function isFile(headers: string): boolean {
  const lines = headers.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const headerOf = (name: string): string =>
    lines.find((line) => line.toLowerCase().startsWith(`${name}:`))?.slice(name.length + 1) ?? '';
  const disposition = headerOf('content-disposition').replace(/"(?:[^"\\]|\\.)*"/g, '""'); // a name may hold anything
  return (
    /;\s*filename\*?\s*=/i.test(disposition) ||
    /^\s*(?:image\/|application\/octet-stream)/i.test(headerOf('content-type'))
  );
}
