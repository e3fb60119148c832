/**
 * The report's script, plain JavaScript for any current browser; it reads the JSON beside it and only adds to what is already
 * drawn: values under the pointer, the image of a mark, classes switched on and off.
 */
export const script = `
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// Loss: the values nearest to the pointer, or to the arrow keys' position; at rest, the last ones.
const plots = document.querySelector('.plots');
if (plots) {
  const { series, epochs } = data.loss;
  const outputs = all('output[data-series]');
  const where = document.querySelector('[data-epoch]');
  const shown = () => document.querySelector('.loss input:checked').value;
  const nearest = (s, epoch) => s.epochs.reduce((best, e, i) => Math.abs(e - epoch) < Math.abs(s.epochs[best] - epoch) ? i : best, 0);
  let at = null;
  const show = (epoch) => {
    at = epoch;
    const key = shown();
    series.forEach((s, i) => {
      const v = s[key][epoch === null ? s.epochs.length - 1 : nearest(s, epoch)];
      outputs[i].textContent = key === 'relative' ? (v * 100).toFixed(0) + '%' : v.toFixed(2);
    });
    where.textContent = epoch === null ? 'at the end' : 'at epoch ' + epoch.toFixed(1);
    for (const rule of all('.rule')) {
      rule.hidden = epoch === null;
      if (epoch !== null) rule.style.left = (epoch / epochs) * 100 + '%';
    }
  };
  for (const area of all('.area')) {
    area.addEventListener('pointermove', (event) => {
      const box = area.getBoundingClientRect();
      show(Math.min(epochs, Math.max(0, ((event.clientX - box.left) / box.width) * epochs)));
    });
    area.addEventListener('pointerleave', () => show(null));
  }
  plots.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(Math.min(epochs, Math.max(0, (at ?? (step > 0 ? 0 : epochs)) + (step * epochs) / 50)));
  });
  plots.addEventListener('blur', () => show(null));
  for (const input of all('.loss input')) input.addEventListener('change', () => show(at));
  show(null);
}

// Maps: one point chosen in all of them at once.
const maps = all('.canvas');
if (maps.length) {
  const tip = document.querySelector('.tip');
  const status = document.querySelector('[data-status]');
  const off = new Set();
  let chosen = -1;
  const place = (canvas, i) => {
    const box = canvas.querySelector('svg').getBoundingClientRect();
    const xy = data.maps[canvas.dataset.map];
    return [box.left + (xy[2 * i] / 1000) * box.width, box.top + (xy[2 * i + 1] / 1000) * box.height];
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
    const name = data.classes[data.labels[i]];
    image.style.setProperty('--x', data.tiles[i] % data.columns);
    image.style.setProperty('--y', Math.floor(data.tiles[i] / data.columns));
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
    const point = (event) => {
      const box = canvas.querySelector('svg').getBoundingClientRect();
      const unit = 1000 / box.width;
      const [x, y] = [(event.clientX - box.left) * unit, (event.clientY - box.top) * unit];
      const reach = (18 * unit) ** 2;
      choose(canvas, least((i) => {
        const d = (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;
        return d < reach ? d : Infinity;
      }));
    };
    canvas.addEventListener('pointermove', point);
    canvas.addEventListener('pointerdown', point);
    canvas.addEventListener('pointerleave', () => choose(canvas, -1));
    canvas.addEventListener('blur', () => choose(canvas, -1));
    canvas.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') return choose(canvas, -1);
      const way = arrows[event.key];
      if (!way) return;
      event.preventDefault();
      const [x, y] = chosen < 0 ? [500, 500] : [xy[2 * chosen], xy[2 * chosen + 1]];
      const next = least((i) => {
        const [dx, dy] = [xy[2 * i] - x, xy[2 * i + 1] - y];
        const along = dx * way[0] + dy * way[1], across = Math.abs(dx * way[1] + dy * way[0]);
        if (chosen < 0) return dx * dx + dy * dy;
        return along > 0 ? along + 2 * across : Infinity;
      });
      if (next >= 0) choose(canvas, next);
    });
  }
  addEventListener('scroll', () => choose(null, -1), { passive: true });

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
