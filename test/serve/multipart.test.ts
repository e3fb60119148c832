import { describe, expect, it } from 'vitest';
import { filesOfForm } from '../../lib/serve/multipart.ts';

const file = (boundary: string, name: string, content: string | Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="${name}"\r\n`),
    Buffer.from('Content-Type: image/jpeg\r\n\r\n'),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]);
const body = (boundary: string, ...parts: Buffer[]): Buffer =>
  Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);

const texts = async (bytes: Buffer, type: string, limit = 8) =>
  (await filesOfForm(bytes, type, limit))?.map((each) => Buffer.from(each).toString('latin1'));

describe('the files of a form', () => {
  const curl = '------------------------d74496d66958873e';

  it('are bytes as they came, in their order', async () => {
    const bytes = Buffer.from([0, 13, 10, 45, 45, 255, 13, 10]);
    const type = `multipart/form-data; boundary=${curl}`;
    const form = body(curl, file(curl, 'a.jpg', bytes), file(curl, 'b.jpg', ''), file(curl, 'ü.jpg', 'third'));
    expect(await texts(form, type)).toEqual([bytes.toString('latin1'), '', 'third']);
  });

  it.each([
    `multipart/form-data; boundary="${curl}"`,
    `multipart/form-data; charset=utf-8; Boundary=${curl}`,
    `multipart/form-data;boundary=${curl} ; x=y`,
  ])('are found by %s', async (type) => {
    expect(await texts(body(curl, file(curl, 'a', 'one')), type)).toEqual(['one']);
  });

  it('are at most as many as asked for; a body of very many parts is not even parsed', async () => {
    const type = 'multipart/form-data; boundary=x';
    const parts = (count: number) => body('x', Buffer.concat(new Array<Buffer>(count).fill(file('x', 'a', 'same'))));
    expect((await texts(parts(3), type, 3))?.length).toBe(3);
    expect(await texts(parts(4), type, 3)).toBeUndefined();
    expect(await texts(parts(300_000), type, 3)).toBeUndefined();
  });

  it.each([
    ['no boundary', body('x', file('x', 'a', '1')), 'multipart/form-data', /must name its boundary/],
    ['an empty boundary', body('x', file('x', 'a', '1')), 'multipart/form-data; boundary=""', /must name its boundary/],
    ['a boundary of control characters', body('x'), 'multipart/form-data; boundary=a\u0001', /must name its boundary/],
    ['another boundary', body('x', file('x', 'a', '1')), 'multipart/form-data; boundary=y', /is not multipart/],
    ['no end', file('x', 'a', '1'), 'multipart/form-data; boundary=x', /is not multipart/],
    ['no body', Buffer.alloc(0), 'multipart/form-data; boundary=x', /is not multipart/],
    [
      'a part without a name',
      body('x', Buffer.from('--x\r\n\r\n1\r\n')),
      'multipart/form-data; boundary=x',
      /is not multipart/,
    ],
    [
      'a text field',
      body('x', file('x', 'a', '1'), Buffer.from('--x\r\nContent-Disposition: form-data; name="t"\r\n\r\nhello\r\n')),
      'multipart/form-data; boundary=x',
      /^inputs\[1\]: must be a file, got a text field/,
    ],
  ])('%s is refused', async (_, bytes, type, message) => {
    await expect(filesOfForm(bytes, type, 8)).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(message),
    });
  });
});
