/** What a search found, as one HTML file that needs nothing else. */
import { DataError } from '../errors.ts';
import { thumbnail } from '../search/thumbnail.ts';
import { mapOrdered } from '../serve/ordered.ts';
import { breakable, type Html, html } from './report/html.ts';
import { renderPage } from './report/page.ts';

export interface Shot {
  /** The file that is shown; none without. */
  readonly path?: string;
  readonly name: string;
  /** '0.9120', a cosine; before it, words that belong to it: 'same file, 1.0000'. */
  readonly note: string;
}

export interface Shots {
  readonly title: string;
  /** What the others are like. */
  readonly asked?: Shot;
  readonly shots: readonly Shot[];
}

export interface FoundPage {
  readonly title: string;
  readonly lead: string;
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  readonly groups: readonly Shots[];
}

/** Pictures on a page: with more it would be too large to open. */
const kMostPictures = 600;
/** Of the longer side, in pixels: sharp at half the size on a phone. */
const kSide = 288;
const kUnderWay = 8;

/** A grid of pictures with words below, of this page and that of `serve`. */
export const shotsStyle = `
.shots{list-style:none;display:grid;grid-template-columns:repeat(auto-fill,minmax(128px,1fr));gap:20px 14px;margin:0;padding:0}
.shot{display:block;margin:0;font-size:.82rem;line-height:1.35;overflow-wrap:anywhere}
.shot img,.shot .gone{display:block;width:100%;aspect-ratio:1;object-fit:contain;background:var(--faint);border:1px solid var(--line);border-radius:6px;margin-bottom:6px}
.shot .gone{display:grid;place-items:center;color:var(--soft)}
@media (max-width:560px){.shots{grid-template-columns:repeat(auto-fill,minmax(96px,1fr));gap:14px 10px}}
`;

const foundStyle = `
section+section{margin-top:40px}
.found{display:grid;gap:18px 28px}
.found.about{grid-template-columns:minmax(0,200px) minmax(0,1fr)}
.asked-for .shot img{border:2px solid var(--accent)}
@media (max-width:560px){.found.about{grid-template-columns:1fr}.asked-for{max-width:170px}}
`;

function shotHtml({ name, note }: Shot, picture: string | undefined): Html {
  const image =
    picture === undefined
      ? html`<span class="gone">no picture</span>`
      : html`<img src="${picture}" alt="${name}" loading="lazy">`;
  return html`<figure class="shot">${image}<figcaption><b>${note}</b><br>${breakable(name)}</figcaption></figure>`;
}

/** Data URIs by path; a file that is gone since it was indexed has none. */
async function picturesOf(shots: readonly Shot[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const paths = [...new Set(shots.flatMap(({ path }) => path ?? []))];
  const read = async (path: string): Promise<string | undefined> => {
    try {
      return `data:image/jpeg;base64,${(await thumbnail(path, kSide, { signal })).toString('base64')}`;
    } catch (error) {
      if (error instanceof DataError) return undefined;
      throw error;
    }
  };
  const pictures = new Map<string, string>();
  let done = 0;
  for await (const picture of mapOrdered(paths, kUnderWay, read)) {
    const path = paths[done++] as string;
    if (picture !== undefined) pictures.set(path, picture);
  }
  return pictures;
}

/** The groups that fit onto a page, whole ones as long as there is room. */
function fitting(groups: readonly Shots[]): Shots[] {
  let room = kMostPictures;
  return groups.flatMap((group) => {
    const shots = group.shots.slice(0, Math.max(0, room));
    room -= shots.length + (group.asked === undefined ? 0 : 1);
    return shots.length === 0 ? [] : [{ ...group, shots }];
  });
}

/** @throws {AbortError} the signal fired. */
export async function renderFound({ title, lead, facts, groups }: FoundPage, signal: AbortSignal): Promise<string> {
  const shown = fitting(groups);
  const pictures = await picturesOf(
    shown.flatMap(({ asked, shots }) => (asked === undefined ? shots : [asked, ...shots])),
    signal,
  );
  const figure = (shot: Shot): Html => shotHtml(shot, shot.path === undefined ? undefined : pictures.get(shot.path));
  const count = (list: readonly Shots[]): number => list.reduce((sum, { shots }) => sum + shots.length, 0);
  const left = count(groups) - count(shown);
  return renderPage({
    title,
    header: html`<p class="lead">${lead}</p>
<dl class="facts">${facts.map(({ label, value }) => html`<div><dt>${label}</dt><dd>${breakable(value)}</dd></div>`)}</dl>`,
    main: html`${shown.map(
      ({ title: heading, asked, shots }) => html`<section><h2>${heading}</h2>
<div class="found${asked !== undefined && ' about'}">${asked && html`<div class="asked-for">${figure(asked)}</div>`}
<ul class="shots">${shots.map((shot) => html`<li>${figure(shot)}</li>`)}</ul></div></section>
`,
    )}${left > 0 && html`<p class="explain">${left} more are left out of this page; --json lists all.</p>`}`,
    css: shotsStyle + foundStyle,
  });
}
