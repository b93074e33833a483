// Many scenes, drawn small, each one click away.

import { html, byId } from './draw.js';
import { drawSmall } from './minimap.js';
import { nameOf } from './data.js';

/** @typedef {import('./types.d.ts').Scene} Scene */

/** @param {Scene[]} scenes */
export function showGallery(scenes) {
  const cards = scenes.map((scene) => {
    const canvas = /** @type {HTMLCanvasElement} */ (html('canvas', { 'aria-hidden': 'true', height: '90' }));
    const runs = scene.runs.map((run) => `${nameOf(run).replace(/^port, /, '')}: ${run.steps[run.length - 1] ?? 0} steps`).join(' · ');
    const card = html('a', { href: `#${encodeURIComponent(scene.name)}`, class: 'card' },
      html('h2', {}, html('small', {}, scene.name.match(/^\d+/)?.[0] ?? ''), ` ${scene.title}`),
      canvas,
      html('p', {}, scene.teaches),
      html('p', { class: 'dim' }, runs));
    card.dataset.words = `${scene.name} ${scene.title} ${scene.teaches} ${scene.text}`.toLowerCase();
    return { card, canvas, scene };
  });
  byId('cards').replaceChildren(...cards.map(({ card }) => card));
  // A picture is drawn when it comes into view.
  const drawn = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const found = entry.isIntersecting && cards.find(({ canvas }) => canvas === entry.target);
      if (!found) continue;
      drawSmall(found.canvas, found.scene, found.canvas);
      drawn.unobserve(found.canvas);
    }
  }, { rootMargin: '400px' });
  cards.forEach(({ canvas }) => drawn.observe(canvas));
  const filter = /** @type {HTMLInputElement} */ (byId('filter'));
  const choose = () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    let count = 0;
    for (const { card } of cards) {
      card.hidden = !words.every((word) => card.dataset.words?.includes(word));
      if (!card.hidden) count++;
    }
    byId('count').textContent = `${count} of ${cards.length}`;
  };
  filter.oninput = choose;
  choose();
}
