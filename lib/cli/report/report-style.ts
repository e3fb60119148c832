/** The style of figures: tables, charts, maps, tiles. */
import { classColors, darkColors, lightColors, seriesColors } from './palette.ts';

export const reportStyle = `
:root{${lightColors}}
@media screen and (prefers-color-scheme:dark){:root{${darkColors}}}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;max-width:860px}
th,td{padding:11px 12px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th:first-child{padding-left:0}
thead th{font-size:.8rem;font-weight:500;color:var(--soft);vertical-align:bottom;line-height:1.3}
tbody th{font-weight:600}
.num{text-align:right}
td.num{white-space:nowrap}
.delta{color:var(--soft);width:7.5em}
.best{font-weight:700}
.bar{display:block;height:4px;margin-top:6px;min-width:84px;background:var(--faint);border-radius:2px}
.bar i{display:block;height:100%;background:var(--soft);border-radius:2px}
tr:has(.best) .best~.bar i{background:var(--accent)}
.range{display:block;font-size:.76rem;white-space:nowrap}
fieldset{border:0;padding:0;margin:0}
.tabs{display:flex;flex-wrap:wrap;gap:6px}
.tabs legend{float:left;padding:0;margin:5px 8px 0 0;font-size:.88rem;color:var(--soft)}
.tabs label{cursor:pointer}
.tabs input{position:absolute;opacity:0}
.tabs span{display:block;padding:4px 12px;border:1px solid var(--line);border-radius:999px;font-size:.88rem}
.tabs label:hover span{border-color:var(--soft)}
.tabs input:checked+span{background:var(--ink);border-color:var(--ink);color:var(--bg)}
.tabs input:focus-visible+span{outline:3px solid var(--accent);outline-offset:2px}
.controls{display:flex;flex-wrap:wrap;justify-content:space-between;gap:12px 28px;margin-bottom:14px}
.legend{display:flex;flex-wrap:wrap;gap:6px 22px;margin:0;padding:5px 0 0;list-style:none;font-size:.9rem}
.legend output{display:inline-block;min-width:3.2em;font-weight:600}
.dash{width:28px;height:8px;vertical-align:middle;margin-right:4px}
.line{fill:none;stroke:var(--c);stroke-width:2;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.d1{stroke-dasharray:7 3}.d2{stroke-dasharray:2 3}.d3{stroke-dasharray:9 3 2 3}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr));gap:34px 28px}
.chart{min-width:0;display:flex;flex-direction:column}
.chart .plots{margin-top:auto}
.chart.wide{grid-column:1/-1}
.chart h3{font-size:1rem;line-height:1.25;margin:0}
.chart figcaption p{font-size:.82rem;line-height:1.4;margin:0}
.chart .controls{margin:2px 0 0;min-height:2.1em}
.chart .legend{gap:2px 16px;font-size:.84rem}
.plot{padding:26px 12px 44px 52px;position:relative}
.area{position:relative;height:170px}
.wide .area{height:clamp(220px,30vw,320px)}
.dots{fill:none;stroke-dasharray:none;stroke:var(--c);stroke-width:7;stroke-linecap:round;vector-effect:non-scaling-stroke}
.level{position:absolute;left:0;right:0;border-top:1.5px dotted var(--soft)}
.levelname{position:absolute;right:0;font-size:.72rem;line-height:1;color:var(--soft);transform:translateY(-3px);background:var(--bg)}
.yname{position:absolute;left:0;top:4px}
.area svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.grid{position:absolute;left:0;right:0;border-top:1px solid var(--line)}
.ytick,.xtick,.xname,.yname{position:absolute;font-size:.78rem;color:var(--soft);line-height:1}
.ytick{right:calc(100% + 10px);transform:translateY(50%);white-space:nowrap}
.xtick{top:calc(100% + 10px);transform:translateX(-50%)}
.xname{bottom:4px;left:calc(50% + 20px);transform:translateX(-50%)}
.rule{position:absolute;top:0;bottom:0;width:0;border-left:1px solid var(--soft);pointer-events:none}
.chart:has([value=values]:checked) .relative,.chart:has([value=relative]:checked) .values{display:none}
.classes{display:flex;flex-wrap:wrap;gap:6px;margin-bottom:20px;align-items:center}
.chip,.link{font:inherit;font-size:.88rem;color:inherit;background:none;border:1px solid var(--line);border-radius:999px;padding:3px 12px 3px 8px;cursor:pointer;display:inline-flex;align-items:center;gap:5px}
.chip:hover{border-color:var(--soft)}
.chip[aria-pressed=false]{color:var(--soft);text-decoration:line-through}
.chip[aria-pressed=false] .key{opacity:.25}
.pair{white-space:nowrap}
.link{border:0;padding:3px 8px;color:var(--accent);text-decoration:underline}
.key{width:16px;height:16px}
.maps{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:28px 32px}
.map figcaption{margin-bottom:8px;display:flex;gap:8px;align-items:center}
.zoom{margin-left:auto;display:flex;gap:4px}
.zoom button{font:inherit;font-size:.85rem;line-height:1;min-width:28px;height:28px;color:inherit;background:var(--bg);border:1px solid var(--line);border-radius:6px;cursor:pointer}
.zoom button:hover{border-color:var(--soft)}
.check{display:inline-flex;align-items:center;gap:6px;font-size:.88rem;cursor:pointer}
.check span{display:inline-flex;align-items:center;gap:4px}
.ring{fill:none;stroke:var(--ink)}
.canvas .ring{stroke-width:1.7;opacity:.75}
.key .ring{stroke-width:2}
section:has(#rings:not(:checked)) .canvas .ring{display:none}
.chooser{position:sticky;top:0;z-index:1;margin-top:64px;padding:10px 0;background:var(--bg);border-bottom:1px solid var(--line)}
.chooser~section{margin-top:36px}
.notes{margin:16px 0 0;padding-left:1.2em;color:var(--soft);max-width:46em}
.beside{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:28px 36px;align-items:start}
.byclass th,.byclass td{padding:5px 8px;vertical-align:middle}
.byclass th[scope=row]{font-weight:500;padding-left:0}
.byclass .key{vertical-align:-3px;margin-right:6px}
.byclass th[scope=row]{white-space:nowrap;max-width:190px;overflow:hidden;text-overflow:ellipsis}
.byclass td.num{white-space:nowrap}
.interval,.scale{width:45%;min-width:110px}
.interval>span[aria-hidden]{display:block;position:relative;height:14px;background:linear-gradient(var(--faint),var(--faint)) center/100% 6px no-repeat;border-radius:3px}
.interval i{position:absolute;top:4px;height:6px;background:var(--accent);opacity:.4;border-radius:3px}
.interval b{position:absolute;top:1px;width:4px;height:12px;margin-left:-2px;background:var(--accent);border-radius:2px}
thead .scale{font-size:.72rem}
.scale span{display:inline-block;width:25%}.scale span:nth-child(2){width:50%;text-align:center}.scale span:last-child{text-align:right}
.matrix{width:auto;font-size:.8rem}
.matrix caption{caption-side:bottom;text-align:left;color:var(--soft);padding-top:8px}
.matrix th,.matrix td{padding:0 4px;border:1px solid var(--bg)}
.matrix thead th{height:88px;vertical-align:bottom;text-align:left;position:relative;min-width:30px}
.matrix thead th span{position:absolute;left:50%;bottom:4px;transform-origin:left bottom;transform:rotate(-50deg);white-space:nowrap;max-width:100px;overflow:hidden;text-overflow:ellipsis}
.matrix tbody th{vertical-align:middle;font-weight:400;color:var(--soft);text-align:right;white-space:nowrap;max-width:120px;overflow:hidden;text-overflow:ellipsis}
.matrix td{text-align:center;vertical-align:middle;height:30px;min-width:30px}
.matrix tbody td{background:color-mix(in srgb,var(--hue) calc(var(--v)*50%),var(--faint))}
.matrix .right{--hue:var(--good)}.matrix .wrong{--hue:var(--bad)}
.files{display:flex;flex-wrap:wrap;gap:10px}
.file{display:inline-block;padding:6px 14px;border:1px solid var(--line);border-radius:8px;color:var(--accent);text-decoration:none;font-size:.9rem}
.file:hover{border-color:var(--soft)}
summary{cursor:pointer;padding:8px 0;color:var(--accent)}
details .charts{margin-top:12px}
.charts+details{margin-top:24px}
pre{margin:0;padding:14px 16px;background:var(--faint);border-radius:8px;overflow-x:auto;font-size:.84rem;line-height:1.5}
table.fields{max-width:none}
.fields th:first-child{position:sticky;left:0;background:var(--bg);min-width:11em}
.fields th[scope=row]{font-size:.88rem}
td.value{font-size:.88rem;overflow-wrap:break-word;max-width:26em}
.canvas{border:1px solid var(--line);border-radius:8px;aspect-ratio:1;touch-action:pan-y}
.canvas svg{display:block;width:100%;height:100%}
.canvas svg{--s:1}
.canvas path,.canvas circle{transform:scale(var(--s));transform-box:fill-box;transform-origin:center}
.canvas path{stroke-width:1;transition:opacity .12s}
.canvas.close{cursor:grab;touch-action:none}
.lit path:not(.on){opacity:.1}
.cursor{fill:none;stroke:var(--ink);stroke-width:4}
${classColors}
${seriesColors}
.im{display:block;flex:none;print-color-adjust:exact;-webkit-print-color-adjust:exact;border-radius:3px}
.tip{position:fixed;z-index:2;pointer-events:none;display:flex;flex-direction:column;gap:5px;align-items:center;padding:8px;background:var(--bg);border:1px solid var(--line);border-radius:8px;box-shadow:0 4px 18px #0003;font-size:.85rem}
.tip .im{--size:84}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.panel p{margin:16px 0 18px}
.queries{list-style:none;margin:0;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,520px),1fr));gap:22px 36px}
.query{display:flex;gap:12px;break-inside:avoid}
.asked{--size:72;width:86px;flex:none;font-size:.82rem;line-height:1.3;overflow-wrap:anywhere}
.asked .im{margin-bottom:5px}
.asked>span:not(.im){display:block}
.asked small{font-size:.72rem}
.near{--size:45;display:flex;flex-wrap:wrap;gap:8px 2px;list-style:none;margin:0;padding:0;align-content:flex-start}
.near li{width:51px;font-size:.68rem;line-height:1.15;color:var(--bad);overflow-wrap:anywhere}
.near .im{box-sizing:content-box;border-radius:4px;outline:2px solid var(--good);outline-offset:1px;margin:3px 3px 5px}
.near.plain .im{outline:0}
.near .other .im{outline:2px dashed var(--bad)}
@media (max-width:560px){table{font-size:.86rem}th,td{padding:9px 4px}thead th{font-size:.74rem}.bar{min-width:44px}.delta{width:auto}.plot{padding-left:44px;padding-right:6px}}
@media print{.map,.query,.chart,tr{break-inside:avoid}.tabs,.pair,.zoom,.check,.rule,.cursor,.tip{display:none!important}.maps{grid-template-columns:1fr 1fr}}
`;
