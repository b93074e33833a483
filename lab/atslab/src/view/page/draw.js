// SVG: elements, and the forms of the rows. Each form is told apart without colour.

/** @param {string} name @param {Record<string, string | number>} [attributes] @param {(Node | string)[]} kids */
export function svg(name, attributes = {}, ...kids) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const key in attributes) element.setAttribute(key, String(attributes[key]));
  element.append(...kids);
  return element;
}

/** @param {string} name @param {Record<string, string>} [attributes] @param {(Node | string)[]} kids */
export function html(name, attributes = {}, ...kids) {
  const element = document.createElement(name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  element.append(...kids);
  return element;
}

/** @param {string} id */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** The colour of a side, as a class. @param {string} side */
export function sideClass(side) {
  return side === 'A' ? 'a' : side === 'P' ? 'p' : side === 'F' ? 'f' : 'c';
}

/**
 * The form of a row with its middle at (x, y); `from` is the height where a call comes from.
 * @param {string} shape @param {string} side @param {number} x @param {number} y
 * @param {number | null} from @param {string} code @returns {SVGElement}
 */
export function form(shape, side, x, y, from, code) {
  const group = svg('g', { class: `row ${sideClass(side)} ${shape}` });
  const put = (/** @type {string} */ name, /** @type {Record<string, string | number>} */ attributes) =>
    group.append(svg(name, attributes));
  const path = (/** @type {string} */ d, kind = 'line') => put('path', { d, class: kind });
  if (from !== null && shape === 'callback') path(`M${x},${from}V${y}`, 'stem thick');
  else if (from !== null && shape === 'call') path(`M${x},${from}V${y}`, 'stem dashed');
  else if (from !== null && shape === 'move') path(`M${x},${from}V${y}`, 'stem');
  switch (shape) {
    case 'event':
      path(`M${x},${y - 7}l7,7l-7,7l-7,-7z`, 'full');
      break;
    case 'callback':
      put('circle', { cx: x, cy: y, r: 6.5, class: 'full' });
      if (/ (105|106|104|3)$/.test(code)) path(`M${x - 3},${y}h6`, 'inner');
      break;
    case 'call': {
      const down = from === null || from < y ? 1 : -1;
      path(`M${x - 5},${y - 6 * down}h10l-5,${8 * down}z`, 'full');
      break;
    }
    case 'move':
      put('circle', { cx: x, cy: y, r: 6, class: 'full' });
      path(`M${x - 3.5},${y}h7m-3,-3l3,3l-3,3`, 'inner');
      break;
    case 'stop':
      put('rect', { x: x - 6, y: y - 6, width: 12, height: 12, class: 'warn' });
      break;
    case 'miss':
      path(`M${x - 6},${y - 6}h12v12h-12zm0,0l12,12m0,-12l-12,12`, 'warn');
      break;
    case 'bar':
      if (from === null) path(`M${x - 4},${y - 7}h8v14h-8z`, 'full');
      else path(`M${x - 3},${Math.min(from, y) - 4}h6V${Math.max(from, y) + 4}h-6z`, 'full');
      break;
    case 'own':
      path(`M${x - 5},${y - 5}l10,5l-10,5z`, 'full');
      break;
    case 'wake':
      put('circle', { cx: x, cy: y, r: 6, class: 'hollow' });
      path(`M${x},${y - 4}v4h3`, 'line');
      break;
    case 'lock':
      group.append(padlock(x - 6, y - 7));
      break;
    default:
      put('circle', { cx: x, cy: y, r: 3.5, class: 'hollow' });
  }
  return group;
}

/** A padlock of 12 by 13, drawn: fonts often have none. @param {number} x @param {number} y */
export function padlock(x, y) {
  return svg('path', {
    d: `M${x + 1},${y + 6}h10v7h-10zM${x + 3},${y + 6}v-3a3,3 0 0 1 6,0v3`,
    class: 'padlock',
  });
}

/** The forms and their meaning, for the help. @type {[string, string, string][]} */
export const LEGEND = [
  ['event', 'A', 'the event loop calls an end'],
  ['callback', 'A', 'a user is called back; with a dash: an error, an end, a timeout'],
  ['call', 'A', 'a user calls: do_io, reenable, close'],
  ['move', 'A', 'bytes move'],
  ['look', 'A', 'the code looks at one direction'],
  ['stop', 'A', 'there is no room'],
  ['miss', 'A', 'a try-lock misses'],
  ['bar', '-', 'made, closed or freed'],
  ['own', 'P', 'a user writes, consumes, or issues an operation'],
  ['wake', 'P', 'a connection or a timer wakes a user'],
  ['lock', 'F', 'a foreign thread takes or returns a mutex'],
];
