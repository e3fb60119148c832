/** A table of pictures with captions, as one PNG. */
import { importSharp } from '../data/decode.ts';
import { wrap } from './format.ts';
import { escapeHtml } from './report/html.ts';

export interface Picture {
  /** RGB bytes, height × width × 3. */
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  /** Phrases; long ones are wrapped at the column's width. */
  readonly caption: readonly string[];
  /** A word of warning: above the caption, with a frame in its colour. */
  readonly mark?: string;
}

export interface ContactSheet {
  readonly title: string;
  readonly subtitle: string;
  /** Lines that explain the captions. */
  readonly legend: readonly string[];
  /** One for each column. The first column holds the sources, fitted into the place of a view. */
  readonly headings: readonly string[];
  readonly rows: readonly (readonly Picture[])[];
}

const margin = 28;
const gap = 14;
const headHeight = 84;
const captionLine = 14;
const captionSize = 10.5;
const rowGap = 20;
const footHeight = 14;
const quiet = '#57606a';
const loud = '#c2410c';
/** Views are enlarged by whole numbers, so that their pixels stay squares, up to this side. Pixels. */
const comfortableSide = 144;
/** Larger views are reduced to this side. Pixels. */
const largestSide = 256;
/** Of DejaVu Sans, the widest of the usual fonts, as a part of its size. */
const characterWidth = 0.58;

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** How much a picture whose longer side is `side` is enlarged: a whole number, or less than one. */
function zoomFor(side: number, room: number): number {
  return side > room ? room / side : Math.max(1, Math.floor(room / side));
}

const longerSide = ({ width, height }: Picture): number => Math.max(width, height);

const wrapped = (phrases: readonly string[], columns: number): string[] =>
  phrases.flatMap((phrase) => wrap(phrase, columns).map((line) => shortened(line, columns)));

/** Keeps both ends: file names differ in either. */
function shortened(text: string, columns: number): string {
  if (text.length <= columns) return text;
  const tail = Math.floor((columns - 1) / 2);
  return `${text.slice(0, columns - 1 - tail)}…${text.slice(text.length - tail)}`;
}

const textAt = (x: number, y: number, size: number, color: string, text: string, weight = 400): string =>
  `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${color}">${escapeHtml(text)}</text>`;

interface Placed {
  readonly picture: Picture;
  readonly box: Box;
}

/** Where everything goes; widths of columns and heights of rows follow from what they hold. */
function layOut(sheet: ContactSheet) {
  const views = sheet.rows.flatMap((row) => row.slice(1));
  const viewSide = Math.max(1, ...views.map(longerSide));
  const room = viewSide > comfortableSide ? largestSide : comfortableSide;
  const zoom = zoomFor(viewSide, room); // one for all views: a smaller view is seen to be smaller
  const zoomOf = (picture: Picture, column: number): number =>
    column === 0 ? zoomFor(longerSide(picture), Math.round(viewSide * zoom)) : zoom;
  const sizeOf = (picture: Picture, column: number) => {
    const by = zoomOf(picture, column);
    return {
      width: Math.max(1, Math.round(picture.width * by)),
      height: Math.max(1, Math.round(picture.height * by)),
    };
  };
  const columnWidths = sheet.headings.map((_, column) =>
    Math.max(112, ...sheet.rows.map((row) => sizeOf(row[column] as Picture, column).width)),
  );
  const lefts = columnWidths.map((_, column) =>
    columnWidths.slice(0, column).reduce((x, width) => x + width + gap, margin + (column > 0 ? gap : 0)),
  );
  const width = (lefts.at(-1) as number) + (columnWidths.at(-1) as number) + margin;
  const legend = wrapped(sheet.legend, Math.floor((width - 2 * margin) / (captionSize * characterWidth)));
  const placed: Placed[] = [];
  const texts: string[] = [];
  const top = headHeight + legend.length * captionLine;
  let y = top;
  for (const row of sheet.rows) {
    const pictures = row.map((picture, column) => ({ ...sizeOf(picture, column), x: lefts[column] as number, y }));
    const captions = row.map(({ caption, mark }, column) =>
      wrapped(
        mark === undefined ? caption : [mark, ...caption],
        Math.floor((columnWidths[column] as number) / (captionSize * characterWidth)),
      ),
    );
    const tallest = Math.max(...pictures.map(({ height }) => height));
    for (const [column, box] of pictures.entries()) {
      placed.push({ picture: row[column] as Picture, box });
      for (const [i, line] of (captions[column] as string[]).entries())
        texts.push(
          textAt(
            box.x,
            y + box.height + 15 + i * captionLine,
            captionSize,
            line === row[column]?.mark ? loud : quiet,
            line,
          ),
        );
    }
    const lines = captions.map((caption, column) => (pictures[column]?.height ?? 0) + caption.length * captionLine);
    y += Math.max(tallest, ...lines) + 6 + rowGap;
  }
  const height = y - rowGap + footHeight;
  const head = [
    textAt(margin, 34, 17, '#1f2328', sheet.title, 700),
    textAt(margin, 53, 11.5, quiet, shortened(sheet.subtitle, Math.floor((width - 2 * margin) / 6.6))),
    ...legend.map((line, i) => textAt(margin, 70 + i * captionLine, captionSize, quiet, line)),
    ...sheet.headings.map((heading, column) => textAt(lefts[column] as number, top - 7, 11.5, '#1f2328', heading, 700)),
  ];
  return { width, height, placed, texts: [...head, ...texts] };
}

/** @returns the bytes of a PNG file, and its size in pixels. */
export async function renderSheet(sheet: ContactSheet): Promise<{ png: Buffer; width: number; height: number }> {
  const { default: sharp } = await importSharp();
  const { width, height, placed, texts } = layOut(sheet);
  const canvas = new Uint8Array(width * height * 3).fill(255);
  for (const { picture, box } of placed) {
    const raw = { width: picture.width, height: picture.height, channels: 3 as const };
    const kernel = box.width >= picture.width ? ('nearest' as const) : ('lanczos3' as const);
    const tile = await sharp(picture.pixels, { raw })
      .resize(box.width, box.height, { fit: 'fill', kernel })
      .raw()
      .toBuffer();
    for (let row = 0; row < box.height; row++)
      canvas.set(tile.subarray(3 * row * box.width, 3 * (row + 1) * box.width), 3 * ((box.y + row) * width + box.x));
  }
  const frames = placed.map(
    ({ box, picture: { mark } }) =>
      `<rect x="${box.x - 0.5}" y="${box.y - 0.5}" width="${box.width + 1}" height="${box.height + 1}" fill="none" stroke="${mark === undefined ? '#d0d7de' : loud}"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif">${frames.join('')}${texts.join('')}</svg>`;
  const png = await sharp(canvas, { raw: { width, height, channels: 3 } })
    .composite([{ input: Buffer.from(svg) }])
    .png()
    .toBuffer();
  return { png, width, height };
}
