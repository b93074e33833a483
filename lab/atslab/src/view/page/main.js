// The beginning: reads the data, and shows what the address names.

import { readData, unpackScene } from './data.js';
import { byId, FORMS } from './draw.js';
import { showGallery } from './gallery.js';
import { Columns } from './interleaving.js';
import { Runs } from './runs.js';

/** @typedef {import('./types.d.ts').Scene} Scene */

async function main() {
  const data = await readData();
  Object.assign(FORMS, data.forms);
  if (data.interleavings) return showRaces(data.interleavings, data.links);
  const isGallery = data.kind === 'gallery';
  const scenes = data.scenes.map(unpackScene);
  let shown = '';
  // The address is `#run.row`, in a gallery `#name/run.row`; to send to somebody.
  const runs = new Runs(data.links, (place) => {
    shown = `#${isGallery ? `${encodeURIComponent(runs.state.scene.name)}/` : ''}${place}`;
    history.replaceState(null, '', shown);
  });
  const show = () => {
    if (location.hash === shown && shown !== '') return;
    const hash = location.hash.slice(1);
    const [name, place] = isGallery ? hash.split('/') : ['', hash];
    const [, run, row] = (place ?? '').match(/^(\d+)\.(\d+)$/) ?? [];
    const scene = isGallery ? scenes.find((scene) => encodeURIComponent(scene.name) === name) : scenes[0];
    document.body.className = scene ? 'one' : 'many';
    byId('home').hidden = !isGallery;
    if (scene) {
      // The place must be visible before it can be measured.
      runs.open(scene, run ? Number(run) : Math.max(0, scene.runs.findIndex((one) => one.whole)), Number(row ?? 1) - 1);
      scrollTo(0, 0);
    } else {
      shown = '';
      runs.stop();
      document.title = 'Runs – atslab';
      showGallery(scenes);
    }
  };
  addEventListener('hashchange', show);
  addEventListener('keydown', (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const takesKeys = target.matches('input:not([type=range]), select, textarea');
    if (document.body.className !== 'one' || event.ctrlKey || event.altKey || event.metaKey || takesKeys) return;
    if (/** @type {HTMLDialogElement} */ (byId('help')).open && event.key !== '?') return;
    if (event.key === ' ' && target.matches('button, a, summary')) return;
    if (runs.key(event)) event.preventDefault();
  });
  Object.assign(globalThis, { atslabView: { scenes, runs } });
  show();
  document.documentElement.dataset.ready = 'true';
}

/** @param {import('./types.d.ts').Interleaving[]} races @param {{ book: string, source: string }} links */
function showRaces(races, links) {
  document.body.className = 'race';
  const columns = new Columns(races, links, (place) => history.replaceState(null, '', `#${place}`));
  const show = () => {
    const [, race, row] = location.hash.match(/^#(\d+)\.(\d+)$/) ?? [];
    columns.choose(Number(race ?? 0));
    columns.go(Number(row ?? 1) - 1);
  };
  addEventListener('hashchange', show);
  addEventListener('keydown', (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.altKey || event.metaKey || target.matches('select')) return;
    if (columns.key(event)) event.preventDefault();
  });
  Object.assign(globalThis, { atslabView: { columns } });
  show();
  document.documentElement.dataset.ready = 'true';
}

main().catch((error) => {
  byId('sentence').textContent = `This page cannot be shown: ${error}`;
  throw error;
});
