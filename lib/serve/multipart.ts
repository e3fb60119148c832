/** The files of a form, from the bytes of a request. */
import { DataError, messageOf } from '../errors.ts';

// The characters of RFC 2046, section 5.1.1.
const kBoundary = /;\s*boundary=(?:"([\w'()+,./:=? -]{1,70})"|([\w'+./-]{1,70}))(?=\s*(?:;|$))/i;

/**
 * The files of a body of multipart/form-data, in their order; undefined when there are more than `limit` parts.
 *
 * The platform parses (`Response.formData`). It takes a tenth of a millisecond a part, on the event loop, and so parts are
 * counted before: a body of a hundred thousand empty ones would hold up everybody for seconds.
 *
 * @param type the request's content-type, with the boundary.
 * @throws {DataError} not a form, a part that is no file, or none at all.
 */
export async function filesOfForm(body: Buffer, type: string, limit: number): Promise<Uint8Array[] | undefined> {
  const [, quoted, bare] = kBoundary.exec(type) ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) throw new DataError(`multipart/form-data must name its boundary, got '${type}'`);
  if (countsAbove(body, `--${boundary}`, limit + 1)) return undefined; // one more than parts: the end
  const parts = [...(await formOf(body, boundary)).values()];
  if (parts.length === 0) throw new DataError('a batch must have a part for each image, got none');
  return Promise.all(
    parts.map(async (part, i) => {
      if (typeof part === 'string') throw new DataError(`inputs[${i}]: must be a file, got a text field`);
      return new Uint8Array(await part.arrayBuffer());
    }),
  );
}

async function formOf(body: Buffer, boundary: string): Promise<FormData> {
  // The boundary that was counted, and no other that a header of many parameters may hold.
  const headers = { 'content-type': `multipart/form-data; boundary="${boundary}"` };
  try {
    return await new Response(body, { headers }).formData();
  } catch (error) {
    throw new DataError(`the request body is not multipart/form-data: ${messageOf(error)}`, { cause: error });
  }
}

function countsAbove(body: Buffer, text: string, limit: number): boolean {
  let count = 0;
  for (let at = body.indexOf(text); at !== -1; at = body.indexOf(text, at + text.length))
    if (++count > limit) return true;
  return false;
}
