/** The images of a report in sheets of 256; a tile is shown by its sheet and a background position. */
import { importSharp } from '../../data/decode.ts';
import { type Html, html } from './html.ts';
import { encodePng } from './png.ts';
import type { ReportImages } from './report-data.ts';

const columns = 32;
/** Browsers refuse a data URI of more than 2 MB: 256 photos of 64 pixels have less than half of that. */
const rows = 8;

/** What the script needs to find a tile. */
export const sheetSize = { columns, rows } as const;

/** Larger images are compressed as photos are; smaller ones are shown pixel by pixel. */
const mostExact = 32;

/** CSS for `.im`: its sheet and, from --x, --y (tile) and --size (px of its longer side), what part of it to show. */
export async function spriteCss(images: ReportImages): Promise<string> {
  const { height, width, labels } = images;
  const long = Math.max(width, height);
  const sheets: string[] = [];
  for (let first = 0; first < labels.length; first += columns * rows)
    sheets.push(`.s${sheets.length}{background-image:url(${await sheetUri(images, first)})}`);
  return `.im{--w:calc(var(--size)*${width / long}px);--h:calc(var(--size)*${height / long}px);width:var(--w);height:var(--h);
background-position:calc(var(--x)*var(--w)*-1) calc(var(--y)*var(--h)*-1);background-size:calc(${columns}*var(--w)) calc(${rows}*var(--h));
image-rendering:${long > mostExact ? 'auto' : 'pixelated'}}
${sheets.join('\n')}`;
}

/** The images from `first` on that fit onto a sheet. */
async function sheetUri({ pixels, height, width, channels, labels }: ReportImages, first: number): Promise<string> {
  const count = Math.min(columns * rows, labels.length - first);
  const line = width * channels;
  const sheet = new Uint8Array(columns * line * rows * height);
  for (let i = 0; i < count; i++)
    for (let y = 0; y < height; y++) {
      const from = ((first + i) * height + y) * line;
      const at = (Math.floor(i / columns) * height + y) * columns + (i % columns);
      sheet.set(pixels.subarray(from, from + line), at * line);
    }
  const size = { width: columns * width, height: rows * height, channels: channels === 1 ? 1 : 3 } as const;
  if (Math.max(width, height) <= mostExact)
    return `data:image/png;base64,${encodePng(sheet, size.width, size.height, size.channels).toString('base64')}`;
  const { default: sharp } = await importSharp();
  const webp = await sharp(sheet, { raw: size }).webp({ quality: 80 }).toBuffer();
  return `data:image/webp;base64,${webp.toString('base64')}`;
}

/** Image `index` as an element with a text for those who cannot see it. */
export function tile(index: number, alt: string): Html {
  const place = index % (columns * rows);
  const sheet = Math.floor(index / (columns * rows));
  return html`<span class="im s${sheet}" role="img" aria-label="${alt}" title="${alt}" style="--x:${place % columns};--y:${Math.floor(place / columns)}"></span>`;
}
