/** The frame of every page: one HTML document that needs nothing else. */
import { createHash } from 'node:crypto';
import { Html, html, scriptJson } from './html.ts';
import { style } from './style.ts';

export interface Page {
  readonly title: string;
  /** Below the title. */
  readonly header: Html | undefined;
  readonly main: Html;
  /** CSS beside the common one, without values from outside. */
  readonly css: string;
  /** Plain JavaScript for any current browser, and what it reads: `data` as JSON in the element `#data`. */
  readonly script?: { readonly text: string; readonly data: unknown };
  /** What the page may load. Default: pictures that it holds. */
  readonly sources?: string;
  readonly footer?: string;
}

/** The Content-Security-Policy of a page: it loads `sources` alone, and runs no other script. */
export function policyOf(script: string | undefined, sources = 'img-src data:'): string {
  const hash = script && createHash('sha256').update(script).digest('base64');
  return `default-src 'none'; ${sources}; style-src 'unsafe-inline'${hash === undefined ? '' : `; script-src 'sha256-${hash}'`}`;
}

const ofFile = 'Made by contrastive. This file holds all its data and loads nothing from elsewhere.';

export function renderPage(page: Page): string {
  const { title, header, main, css, script, sources, footer = ofFile } = page;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policyOf(script?.text, sources)}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title><link rel="icon" href="data:,">
<style>${new Html(style + css)}</style></head>
<body><header><h1>${title}</h1>${header}</header>
<main>${main}</main>
<footer>${footer}</footer>${
    script &&
    html`
<script type="application/json" id="data">${scriptJson(script.data)}</script>
<script>${new Html(script.text)}</script>`
  }</body></html>
`.text;
}
