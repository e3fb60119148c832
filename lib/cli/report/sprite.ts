/** All images of a report in one PNG; a tile is shown by a background position. */
import { type Html, html } from './html.ts';
import { encodePng } from './png.ts';
import type { ReportImages } from './report-data.ts';

export const SPRITE_COLUMNS = 32;

/** CSS for `.im`: the sprite and, from --x, --y (tile) and --size (px of its longer side), what part of it to show. */
export function spriteCss(images: ReportImages): string {
  const { pixels, height, width, channels, labels } = images;
  const columns = SPRITE_COLUMNS;
  const rows = Math.max(1, Math.ceil(labels.length / columns));
  const sheet = new Uint8Array(columns * width * rows * height * channels);
  const line = width * channels;
  labels.forEach((_, i) => {
    const left = (i % columns) * line;
    const top = Math.floor(i / columns) * height;
    for (let y = 0; y < height; y++) {
      const from = (i * height + y) * line;
      sheet.set(pixels.subarray(from, from + line), (top + y) * columns * line + left);
    }
  });
  const png = encodePng(sheet, columns * width, rows * height, channels === 1 ? 1 : 3);
  const long = Math.max(width, height);
  return `.im{--w:calc(var(--size)*${width / long}px);--h:calc(var(--size)*${height / long}px);width:var(--w);height:var(--h);
background:url(data:image/png;base64,${png.toString('base64')}) calc(var(--x)*var(--w)*-1) calc(var(--y)*var(--h)*-1)/calc(${columns}*var(--w)) calc(${rows}*var(--h));
image-rendering:${long < 64 ? 'pixelated' : 'auto'}}`;
}

/** Column and row of image `index` in the sprite. */
export const tileOf = (index: number): [number, number] => [index % SPRITE_COLUMNS, Math.floor(index / SPRITE_COLUMNS)];

/** Image `index` as an element with a text for those who cannot see it. */
export function tile(index: number, alt: string): Html {
  const [x, y] = tileOf(index);
  return html`<span class="im" role="img" aria-label="${alt}" title="${alt}" style="--x:${x};--y:${y}"></span>`;
}
