/** The frame of a page: one HTML file that needs nothing else. */
import { createHash } from 'node:crypto';
import { Html, html, scriptJson } from './html.ts';
import { script } from './script.ts';
import { style } from './style.ts';

export interface Page {
  readonly title: string;
  readonly header: Html | undefined;
  readonly main: Html;
  /** CSS beside the common one, without values from outside. */
  readonly css?: string;
  /** What the script reads: the charts and the maps. */
  readonly data: unknown;
}

/** It loads nothing (its Content-Security-Policy forbids it), and runs its own script alone. */
export function renderPage({ title, header, main, css = '', data }: Page): string {
  const scriptHash = createHash('sha256').update(script).digest('base64');
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title>
<style>${new Html(style + css)}</style></head>
<body><header><h1>${title}</h1>${header}</header>
<main>${main}</main>
<footer>Made by contrastive. This file holds all its data and loads nothing from elsewhere.</footer>
<script type="application/json" id="data">${scriptJson(data)}</script>
<script>${new Html(script)}</script></body></html>
`.text;
}
