/**
 * The report's script, plain JavaScript for any current browser; it reads the JSON beside it and only adds to what is already
 * drawn: values under the pointer, the image of a mark, classes switched on and off, a closer look.
 */
export const script = `
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// Charts: the values nearest to the pointer, or to the arrow keys' position; at rest, the last ones.
const nearest = (s, epoch) => s.epochs.reduce((best, e, i) => Math.abs(e - epoch) < Math.abs(s.epochs[best] - epoch) ? i : best, 0);
const written = (v, isShare) => {
  if (isShare) return (v * 100).toFixed(1) + '%';
  const size = Math.abs(v);
  if (size >= 1000) return Math.round(v).toLocaleString('en');
  return size >= 10 || size === 0 ? v.toFixed(1) : String(Number(v.toPrecision(3)));
};
// At rest again when a mouse leaves. A finger that lifts leaves what it chose, until the next one comes down elsewhere.
const onLeave = (place, rest) => {
  place.addEventListener('pointerleave', (event) => { if (event.pointerType !== 'touch') rest(); });
  addEventListener('pointerdown', (event) => { if (!place.contains(event.target)) rest(); }, { capture: true });
};
for (const chart of all('.chart')) {
  const { series, epochs, isShare } = data.charts[chart.dataset.chart];
  const outputs = all('output', chart);
  const where = chart.querySelector('[data-epoch]');
  const isRelative = () => chart.querySelector('input:checked')?.value === 'relative';
  let at = null;
  const show = (epoch) => {
    at = epoch;
    series.forEach((s, i) => {
      const v = s.values[epoch === null ? s.values.length - 1 : nearest(s, epoch)];
      outputs[i].textContent = isRelative() ? written(v / (s.values[0] || 1), true) : written(v, isShare);
    });
    where.textContent = epoch === null ? '' : 'at epoch ' + epoch.toFixed(1);
    for (const rule of all('.rule', chart)) {
      rule.hidden = epoch === null;
      if (epoch !== null) rule.style.left = (epoch / epochs) * 100 + '%';
    }
  };
  for (const area of all('.area', chart)) {
    const point = (event) => {
      const box = area.getBoundingClientRect();
      show(Math.min(epochs, Math.max(0, ((event.clientX - box.left) / box.width) * epochs)));
    };
    area.addEventListener('pointermove', point);
    area.addEventListener('pointerdown', point);
    onLeave(area, () => show(null));
  }
  const plots = chart.querySelector('.plots');
  plots.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(Math.min(epochs, Math.max(0, (at ?? (step > 0 ? 0 : epochs)) + (step * epochs) / 50)));
  });
  plots.addEventListener('blur', () => show(null));
  for (const input of all('input', chart)) input.addEventListener('change', () => show(at));
  show(null);
}

// Maps: one point chosen in all of them at once.
const maps = all('.canvas');
if (maps.length) {
  const tip = document.querySelector('.tip');
  const status = document.querySelector('[data-status]');
  const off = new Set();
  let chosen = -1;
  // What part of a map is shown: its left, its top and its side, of 1000.
  const views = new Map(maps.map((canvas) => [canvas, [0, 0, 1000]]));
  const place = (canvas, i) => {
    const box = canvas.querySelector('svg').getBoundingClientRect();
    const xy = data.maps[canvas.dataset.map], [left, top, side] = views.get(canvas);
    return [box.left + ((xy[2 * i] - left) / side) * box.width, box.top + ((xy[2 * i + 1] - top) / side) * box.height];
  };
  const look = (canvas, left, top, side) => {
    const least = (v) => Math.min(1000 - side, Math.max(0, v));
    views.set(canvas, [least(left), least(top), side]);
    const svg = canvas.querySelector('svg');
    svg.setAttribute('viewBox', [least(left), least(top), side, side].join(' '));
    canvas.classList.toggle('close', side < 1000);
    svg.style.setProperty('--s', (side / 1000) ** 0.8); // marks grow less than the map
    choose(canvas, -1);
  };
  // Keeps the place (x, y) of the map where it is; by default the middle.
  const zoom = (canvas, factor, x, y) => {
    const [left, top, side] = views.get(canvas);
    const next = Math.min(1000, Math.max(60, side * factor));
    const [u, v] = [x === undefined ? 0.5 : (x - left) / side, y === undefined ? 0.5 : (y - top) / side];
    look(canvas, left + u * (side - next), top + v * (side - next), next);
  };
  const choose = (canvas, i) => {
    chosen = i;
    tip.hidden = i < 0;
    maps.forEach((map, m) => {
      const cursor = map.querySelector('.cursor');
      cursor.toggleAttribute('hidden', i < 0);
      if (i < 0) return;
      cursor.setAttribute('cx', data.maps[m][2 * i]);
      cursor.setAttribute('cy', data.maps[m][2 * i + 1]);
    });
    if (i < 0) return;
    const [image, text] = tip.children;
    const guess = data.predictions[canvas.dataset.map][i];
    const name = data.classes[data.labels[i]] + (guess === data.labels[i] ? '' : ', taken for ' + data.classes[guess]);
    const { columns, rows } = data.sheet, place = data.tiles[i] % (columns * rows);
    image.className = 'im s' + Math.floor(data.tiles[i] / (columns * rows));
    image.style.setProperty('--x', place % columns);
    image.style.setProperty('--y', Math.floor(place / columns));
    text.textContent = name;
    status.textContent = name;
    const [x, y] = place(canvas, i);
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(innerWidth - width - 4, x + (x > innerWidth / 2 ? -width - 16 : 16))) + 'px';
    tip.style.top = Math.max(4, Math.min(innerHeight - height - 4, y - height / 2)) + 'px';
  };
  // The visible point that scores least; a score of Infinity never wins.
  const least = (score) => {
    let best = -1, bestScore = Infinity;
    for (let i = 0; i < data.labels.length; i++) {
      if (off.has(data.labels[i])) continue;
      const s = score(i);
      if (s < bestScore) { best = i; bestScore = s; }
    }
    return best;
  };
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  for (const canvas of maps) {
    const xy = data.maps[canvas.dataset.map];
    const at = (event) => {
      const box = canvas.querySelector('svg').getBoundingClientRect();
      const [left, top, side] = views.get(canvas);
      const unit = side / box.width;
      return [left + (event.clientX - box.left) * unit, top + (event.clientY - box.top) * unit, unit];
    };
    let held = null;
    const point = (event) => {
      const [x, y, unit] = at(event);
      if (held) {
        const [left, top, side] = views.get(canvas);
        return look(canvas, left + held[0] - x, top + held[1] - y, side);
      }
      const reach = (18 * unit) ** 2;
      choose(canvas, least((i) => {
        const d = (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;
        return d < reach ? d : Infinity;
      }));
    };
    canvas.addEventListener('pointermove', point);
    canvas.addEventListener('pointerdown', (event) => {
      point(event);
      if (views.get(canvas)[2] < 1000) held = at(event);
    });
    addEventListener('pointerup', () => { held = null; });
    canvas.addEventListener('dblclick', (event) => zoom(canvas, 0.5, ...at(event)));
    // A pinch on a trackpad is a wheel with ctrl; a plain wheel scrolls the page.
    canvas.addEventListener('wheel', (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(canvas, Math.exp(event.deltaY / 200), ...at(event));
    }, { passive: false });
    const ways = { in: 0.6, out: 1 / 0.6, all: Infinity };
    for (const button of all('[data-zoom]', canvas.parentElement))
      button.addEventListener('click', () => zoom(canvas, ways[button.dataset.zoom]));
    onLeave(canvas, () => choose(canvas, -1));
    canvas.addEventListener('blur', () => choose(canvas, -1));
    canvas.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') return choose(canvas, -1);
      if (event.key === '+' || event.key === '=') return zoom(canvas, 0.6);
      if (event.key === '-') return zoom(canvas, 1 / 0.6);
      const way = arrows[event.key];
      if (!way) return;
      event.preventDefault();
      const [left, top, side] = views.get(canvas);
      const [x, y] = chosen < 0 ? [left + side / 2, top + side / 2] : [xy[2 * chosen], xy[2 * chosen + 1]];
      const next = least((i) => {
        const [dx, dy] = [xy[2 * i] - x, xy[2 * i + 1] - y];
        const along = dx * way[0] + dy * way[1], across = Math.abs(dx * way[1] + dy * way[0]);
        if (chosen < 0) return dx * dx + dy * dy;
        return along > 0 ? along + 2 * across : Infinity;
      });
      if (next >= 0) choose(canvas, next);
    });
  }
  addEventListener('scroll', () => choose(maps[0], -1), { passive: true });

  const chips = all('.chip');
  const marks = (c) => all('.canvas path[data-c="' + c + '"]');
  const toggle = (chip, on) => {
    const c = Number(chip.dataset.c);
    chip.setAttribute('aria-pressed', on);
    if (on) off.delete(c); else off.add(c);
    for (const mark of marks(c)) mark.style.display = on ? '' : 'none';
  };
  const light = (chip, on) => {
    const visible = on && !off.has(Number(chip.dataset.c));
    for (const canvas of maps) canvas.classList.toggle('lit', visible);
    for (const mark of marks(chip.dataset.c)) mark.classList.toggle('on', visible);
  };
  for (const chip of chips) {
    chip.addEventListener('click', () => { toggle(chip, chip.getAttribute('aria-pressed') !== 'true'); light(chip, chip.matches(':hover')); });
    chip.addEventListener('pointerenter', () => light(chip, true));
    chip.addEventListener('pointerleave', () => light(chip, false));
  }
  for (const link of all('[data-all]')) link.addEventListener('click', () => {
    for (const chip of chips) toggle(chip, link.dataset.all === 'true');
  });
}
`;
