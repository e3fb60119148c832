/** The page of `contrastive serve` on which one drops an image and sees its neighbours. It asks the routes beside it. */
import { createHash } from 'node:crypto';
import { Html, html } from './report/html.ts';
import { style } from './report/style.ts';

const ownStyle = `
header{padding-top:32px}
.ask{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:20px;align-items:center;min-height:156px;margin:18px 0 0;padding:20px 22px;border:2px dashed var(--line);border-radius:12px;cursor:pointer}
.ask:hover,.ask.over{border-color:var(--accent);background:var(--faint)}
.ask:has(:focus-visible){outline:3px solid var(--accent);outline-offset:2px}
.ask input{position:absolute;opacity:0;width:1px;height:1px}
.ask b{display:block;font-size:1.1rem}
.ask img{width:112px;height:112px;object-fit:contain;border-radius:6px;background:var(--faint)}
.status{min-height:1.6em;margin:22px 0 14px;color:var(--soft)}
.status.bad{color:var(--bad)}
.shots{list-style:none;display:grid;grid-template-columns:repeat(auto-fill,minmax(148px,1fr));gap:22px 16px;margin:0;padding:0}
.shots a{display:block;color:inherit;text-decoration:none;font-size:.84rem;line-height:1.35;overflow-wrap:anywhere;border-radius:6px}
.shots img{display:block;width:100%;aspect-ratio:1;object-fit:contain;background:var(--faint);border:1px solid var(--line);border-radius:6px;margin-bottom:6px}
.shots a:hover img{border-color:var(--accent)}
@media (max-width:560px){header{padding-top:20px}.ask{min-height:112px;padding:14px}.ask img{width:72px;height:72px}.shots{grid-template-columns:repeat(auto-fill,minmax(104px,1fr));gap:14px 10px}}
`;

/** Plain JavaScript for any current browser. Names come from files: they are set as text, never as HTML. */
const script = `
'use strict';
const [ask, file, shown, status, list] = ['.ask', '.ask input', '.ask img', '.status', '.shots'].map((s) => document.querySelector(s));
const count = Number(document.body.dataset.images);
const asked = 24;
let newest = 0;
let own; // the file that was searched last

const say = (text, bad = false) => {
  status.textContent = text;
  status.classList.toggle('bad', bad);
};
const add = (tag, parent, properties = {}) => parent.appendChild(Object.assign(document.createElement(tag), properties));
const show = (neighbours) => {
  list.replaceChildren();
  for (const { number, name, cosine } of neighbours) {
    const link = add('a', add('li', list), { href: '#' + number, title: 'Images like this one' });
    add('img', link, { src: 'search/images/' + number, alt: name ?? 'image ' + number, loading: 'lazy' });
    if (cosine === undefined) continue;
    add('b', link, { textContent: cosine.toFixed(4) });
    add('br', link);
    for (const part of name.split(/(?<=\\/)/)) link.append(part, document.createElement('wbr'));
  }
};
/** Neighbours by a request; an answer that a later question has overtaken is dropped. */
const find = async (what, request) => {
  const turn = ++newest;
  say('Searching …');
  try {
    const response = await request();
    const answer = await response.json();
    if (turn !== newest) return;
    if (!response.ok) throw new Error(answer.error.message);
    show(answer.neighbours);
    say('The ' + answer.neighbours.length + ' images most like ' + what + ', with their cosines. Choose one to go on from it.');
  } catch (error) {
    if (turn !== newest) return;
    list.replaceChildren();
    say(error.message, true);
  }
};
const picture = (source) => {
  if (shown.src.startsWith('blob:')) URL.revokeObjectURL(shown.src);
  shown.hidden = false;
  shown.src = source;
};
const searchFile = (image) => {
  if (!image) return;
  own = image;
  if (location.hash) history.pushState(null, '', location.pathname);
  picture(URL.createObjectURL(image));
  const type = image.type.startsWith('image/') ? image.type : 'image/unknown';
  find(image.name || 'yours', () => fetch('search?k=' + asked, { method: 'POST', body: image, headers: { 'content-type': type } }));
};
const follow = () => {
  const number = /^#(\\d+)$/.exec(location.hash)?.[1];
  if (number === undefined) return own ? searchFile(own) : start();
  picture('search/images/' + number);
  scrollTo({ top: 0 });
  find('this one', () => fetch('search/images/' + number + '/neighbours?k=' + asked));
};
const start = () => {
  newest++;
  shown.hidden = true;
  const some = Math.min(asked, count);
  show(Array.from({ length: some }, (_, i) => ({ number: Math.floor((i * count) / some) })));
  say('Some of the images. Choose one, or take one of yours.');
};

shown.addEventListener('error', () => { shown.hidden = true; }); // a format that browsers do not show
file.addEventListener('change', () => { searchFile(file.files[0]); file.value = ''; });
addEventListener('paste', (event) => searchFile(event.clipboardData.files[0]));
addEventListener('dragover', (event) => { event.preventDefault(); ask.classList.add('over'); });
addEventListener('dragleave', (event) => { if (!event.relatedTarget) ask.classList.remove('over'); });
addEventListener('drop', (event) => { event.preventDefault(); ask.classList.remove('over'); searchFile(event.dataTransfer.files[0]); });
addEventListener('hashchange', follow);
follow();
`;

const scriptHash = createHash('sha256').update(script).digest('base64');

export const searchPageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; img-src 'self' blob:; connect-src 'self'; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
} as const;

/** @param images how many there are in the index. */
export const searchPage = (images: number): string =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Image search</title><link rel="icon" href="data:,">
<style>${new Html(style + ownStyle)}</style></head>
<body data-images="${images}"><header><h1>Image search</h1>
<label class="ask"><span><b>Drop an image here, paste one, or choose a file</b><span class="muted">${images} ${images === 1 ? 'image is' : 'images are'} searched by the cosine of features</span></span>
<input type="file" accept="image/*"><img alt="What is searched for" hidden></label></header>
<main><p class="status" role="status"></p><ul class="shots"></ul></main>
<footer>Served by contrastive. The page loads nothing from elsewhere.</footer>
<script>${new Html(script)}</script></body></html>
`.text;
