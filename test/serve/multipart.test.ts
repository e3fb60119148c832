import { describe, expect, it } from 'vitest';
import { filesOfForm } from '../../lib/serve/multipart.ts';

const file = (boundary: string, name: string, content: string | Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="${name}"\r\n`),
    Buffer.from('Content-Type: image/jpeg\r\n\r\n'),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]);
const part = (boundary: string, disposition: string, content: string): Buffer =>
  Buffer.from(`--${boundary}\r\nContent-Disposition: ${disposition}\r\n\r\n${content}\r\n`);
const body = (boundary: string, ...parts: Buffer[]): Buffer =>
  Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);

const texts = (bytes: Buffer, type: string, limit = 8) =>
  filesOfForm(bytes, type, limit)?.map((each) => Buffer.from(each).toString('latin1'));

describe('the files of a form', () => {
  const curl = '------------------------d74496d66958873e';

  it('are bytes as they came, in their order', () => {
    const bytes = Buffer.from([0, 13, 10, 45, 45, 255, 13, 10]);
    const type = `multipart/form-data; boundary=${curl}`;
    const form = body(curl, file(curl, 'a.jpg', bytes), file(curl, 'b.jpg', ''), file(curl, 'ü.jpg', 'third'));
    expect(texts(form, type)).toEqual([bytes.toString('latin1'), '', 'third']);
  });

  it.each([
    `multipart/form-data; boundary="${curl}"`,
    `multipart/form-data; charset=utf-8; Boundary=${curl}`,
    `multipart/form-data;boundary=${curl} ; x=y`,
  ])('are found by %s', (type) => {
    expect(texts(body(curl, file(curl, 'a', 'one')), type)).toEqual(['one']);
  });

  it.each([
    ["filename*=UTF-8''%e2%82%ac.jpg", 'form-data; name="a"; filename*=UTF-8\'\'%e2%82%ac.jpg'],
    ['an unquoted name', 'form-data; name=image; filename=cat.jpg'],
    ['no name of a field', 'form-data; filename="cat.jpg"'],
    ['quotes in the name', String.raw`form-data; name="a \"b"; filename="c \"d; e"`],
    ['capitals and spaces', 'Form-Data ; Name = "a" ; FileName = "b"'],
    ['a folded line', 'form-data; name="a";\r\n\tfilename="b"'],
  ])('are known by %s', (_, disposition) => {
    const form = body('x', part('x', disposition, 'one'), part('x', disposition, 'two'));
    expect(texts(form, 'multipart/form-data; boundary=x')).toEqual(['one', 'two']);
  });

  it('are known by their content-type where they have no name', () => {
    const typed = (type: string) =>
      body('x', Buffer.from(`--x\r\nContent-Type: ${type}\r\nContent-Disposition: form-data; name=a\r\n\r\none\r\n`));
    expect(texts(typed('image/png'), 'multipart/form-data; boundary=x')).toEqual(['one']);
    expect(texts(typed('application/octet-stream'), 'multipart/form-data; boundary=x')).toEqual(['one']);
    expect(() => texts(typed('text/plain'), 'multipart/form-data; boundary=x')).toThrow(/got a text field/);
  });

  it('are found behind a preamble, before an epilogue, and between boundaries with spaces behind them', () => {
    const form = Buffer.concat([
      Buffer.from('This is a message of many parts.\r\n--xy is not one\r\n'),
      Buffer.from(file('x', 'a', 'one').toString().replace('--x\r\n', '--x \t\r\n')),
      body('x', file('x', 'b', 'a--x\r\n--xy\r\n --x--\r\n')),
      Buffer.from('the end\r\n--x\r\nnothing'),
    ]);
    expect(texts(form, 'multipart/form-data; boundary=x')).toEqual(['one', 'a--x\r\n--xy\r\n --x--\r\n']);
  });

  it('are those that the platform finds in its own forms', async () => {
    const contents = ['', '\r\n', '--', '\r\n--', 'a\r\n\r\nb', '-'.repeat(50)];
    const form = new FormData();
    for (const content of contents) form.append('image', new Blob([content]), 'ü "a".jpg');
    const response = new Response(form);
    const type = response.headers.get('content-type') as string;
    expect(texts(Buffer.from(await response.arrayBuffer()), type)).toEqual(contents);
  });

  it('are not looked for among millions of lines that begin as the boundary does', () => {
    const begin = Buffer.from('--x\r\ncontent-type: image/png\r\n\r\n');
    const lookalikes = (count: number) => Buffer.alloc(6 * count, '\r\n--xy');
    const form = (count: number) => Buffer.concat([begin, lookalikes(count), Buffer.from('\r\n--x--')]);
    expect(filesOfForm(form(1000), 'multipart/form-data; boundary=x', 1)?.map(({ length }) => length)).toEqual([6000]);
    expect(() => filesOfForm(form(1e6), 'multipart/form-data; boundary=x', 1)).toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(/more than 1000 lines of a part/) }),
    );
  });

  it('are at most as many as asked for; a body of very many parts is not even parsed', () => {
    const type = 'multipart/form-data; boundary=x';
    const parts = (count: number) => body('x', Buffer.concat(new Array<Buffer>(count).fill(file('x', 'a', 'same'))));
    expect(texts(parts(3), type, 3)?.length).toBe(3);
    expect(texts(parts(4), type, 3)).toBeUndefined();
    expect(texts(parts(300_000), type, 3)).toBeUndefined();
  });

  it.each([
    ['no boundary', body('x', file('x', 'a', '1')), 'multipart/form-data', /must name its boundary/],
    ['an empty boundary', body('x', file('x', 'a', '1')), 'multipart/form-data; boundary=""', /must name its boundary/],
    ['a boundary of control characters', body('x'), 'multipart/form-data; boundary=a\u0001', /must name its boundary/],
    ['another boundary', body('x', file('x', 'a', '1')), 'multipart/form-data; boundary=y', /is not multipart/],
    ['no end', file('x', 'a', '1'), 'multipart/form-data; boundary=x', /is not multipart/],
    ['no body', Buffer.alloc(0), 'multipart/form-data; boundary=x', /is not multipart/],
    [
      'a part without headers',
      body('x', Buffer.from('--x\r\n\r\n1\r\n')),
      'multipart/form-data; boundary=x',
      /^inputs\[0\]: must be a file, got a text field/,
    ],
    [
      'a field whose name speaks of a file name',
      body('x', part('x', 'form-data; name="a; filename=b"', '1')),
      'multipart/form-data; boundary=x',
      /^inputs\[0\]: must be a file, got a text field/,
    ],
    [
      'headers without an end',
      body('x', Buffer.from(`--x\r\na: ${'b'.repeat(20_000)}\r\n\r\n1\r\n`)),
      'multipart/form-data; boundary=x',
      /headers of a part must end within 16384 bytes/,
    ],
    ['a very long type', body('x'), `multipart/form-data; ${'a'.repeat(9000)}`, /^.{0,150}$/],
    [
      'a text field',
      body('x', file('x', 'a', '1'), Buffer.from('--x\r\nContent-Disposition: form-data; name="t"\r\n\r\nhello\r\n')),
      'multipart/form-data; boundary=x',
      /^inputs\[1\]: must be a file, got a text field/,
    ],
  ])('%s is refused', (_, bytes, type, message) => {
    expect(() => filesOfForm(bytes, type, 8)).toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(message) }),
    );
  });
});
