/** The page of `contrastive serve` on which one drops an image and sees its neighbours. It asks the routes beside it. */
import { counted } from './format.ts';
import { html } from './report/html.ts';
import { policyOf, renderPage } from './report/page.ts';
import { shotsStyle } from './search-page.ts';

const askStyle = `
header{padding-top:32px}
.ask{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:20px;align-items:center;min-height:156px;margin:18px 0 0;padding:20px 22px;border:2px dashed var(--line);border-radius:12px;cursor:pointer}
.ask:hover,.ask.over{border-color:var(--accent);background:var(--faint)}
.ask:has(:focus-visible){outline:3px solid var(--accent);outline-offset:2px}
.ask input{position:absolute;opacity:0;width:1px;height:1px}
.ask b{display:block;font-size:1.1rem}
.ask img{width:112px;height:112px;object-fit:contain;border-radius:6px;background:var(--faint)}
.status{min-height:1.6em;margin:22px 0 14px;color:var(--soft)}
.status.bad{color:var(--bad)}
a.shot{color:inherit;text-decoration:none;border-radius:6px}
a.shot:hover img{border-color:var(--accent)}
@media (max-width:560px){header{padding-top:20px}.ask{min-height:112px;padding:14px}.ask img{width:72px;height:72px}}
`;

/** Plain JavaScript for any current browser. Names come from files: they are set as text, never as HTML. */
const text = `
'use strict';
const [ask, file, shown, status, list] = ['.ask', '.ask input', '.ask img', '.status', '.shots'].map((s) => document.querySelector(s));
const { images: count } = JSON.parse(document.getElementById('data').textContent);
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
    const link = add('a', add('li', list), { className: 'shot', href: '#' + number, title: 'Images like this one' });
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

const sources = "img-src 'self' blob: data:; connect-src 'self'";

export const searchPageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `${policyOf(text, sources)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
} as const;

/** @param images how many there are in the index. */
export const searchPage = (images: number): string =>
  renderPage({
    title: 'Image search',
    header: html`<label class="ask"><span><b>Drop an image here, paste one, or choose a file</b><span class="muted">${counted(images, 'image')} ${images === 1 ? 'is' : 'are'} searched by the cosine of features</span></span>
<input type="file" accept="image/*"><img alt="What is searched for" hidden></label>`,
    main: html`<p class="status" role="status"></p><ul class="shots"></ul>`,
    css: shotsStyle + askStyle,
    script: { text, data: { images } },
    sources,
    footer: 'Served by contrastive. The page loads nothing from elsewhere.',
  });
