/** What all pages look like: one column, quiet ink, colour only where it carries data; by the light that a reader prefers. */
const light =
  '--bg:#fff;--ink:#1c2126;--soft:#5a646e;--line:#d9dee3;--faint:#f3f5f7;--good:#0072b2;--bad:#c04a00;--edge:#000;--accent:#0b5cad';
const dark =
  '--bg:#14181c;--ink:#e7ebee;--soft:#a3adb7;--line:#323a42;--faint:#1d2328;--good:#56b4e9;--bad:#ff8c42;--edge:#14181c;--accent:#7bb8f5';

export const style = `
:root{color-scheme:light dark;${light}}
@media screen and (prefers-color-scheme:dark){:root{${dark}}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums}
main,header,footer{max-width:1120px;margin:0 auto;padding:0 20px}
header{padding-top:48px}
h1{font-size:clamp(1.7rem,4vw,2.35rem);line-height:1.15;letter-spacing:-.02em;margin:0 0 14px;overflow-wrap:anywhere}
h2{font-size:1.3rem;line-height:1.25;letter-spacing:-.01em;margin:0 0 8px}
section{margin-top:64px}
p{margin:0 0 10px}
.lead{font-size:1.15rem;line-height:1.5;max-width:46em}
.explain{max-width:46em;color:var(--soft);margin-bottom:22px}
.explain b{color:var(--ink);font-weight:600}
.muted{color:var(--soft);font-weight:400}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:14px 24px;margin:28px 0 0;padding:18px 0;border:solid var(--line);border-width:1px 0}
.facts dt{font-size:.8rem;color:var(--soft)}
.facts dd{margin:0;font-weight:500;overflow-wrap:anywhere}
figure{margin:0}
[hidden]{display:none!important}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
footer{margin-top:72px;padding-top:18px;padding-bottom:40px;font-size:.85rem;color:var(--soft)}
@media (max-width:560px){header{padding-top:28px}section{margin-top:48px}.facts{grid-template-columns:1fr 1fr}}
@media print{body{font-size:11pt}section{margin-top:28px}h2{break-after:avoid}}
`;
