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

/** The forms of the rows, as `view/forms.rs` has them. @type {import('./types.d.ts').Forms} */
export const FORMS = { all: [], dash: ['', ''], bad: [], bar: [0, 0] };

/** @param {string} shape */
function formOf(shape) {
  return FORMS.all.find(({ name }) => name === shape) ?? FORMS.all[0];
}

/**
 * The form of a row with its middle at (x, y); `from` is the height where a call comes from.
 * @param {string} shape @param {string} side @param {number} x @param {number} y
 * @param {number | null} from @param {string} code @returns {SVGElement}
 */
export function form(shape, side, x, y, from, code) {
  const { stem, turned, parts } = formOf(shape);
  const group = svg('g', { class: `row ${sideClass(side)} ${shape}` });
  if (from !== null && stem !== '') group.append(svg('path', { d: `M${x},${from}V${y}`, class: stem }));
  if (from !== null && shape === 'bar') {
    const [over, half] = FORMS.bar;
    const d = `M${x - half},${Math.min(from, y) - over}h${2 * half}V${Math.max(from, y) + over}h${-2 * half}z`;
    group.append(svg('path', { d, class: 'full' }));
    return group;
  }
  const turn = turned && from !== null && from > y ? ' scale(1,-1)' : '';
  const isBad = shape === 'callback' && FORMS.bad.includes(code.slice(code.lastIndexOf(' ') + 1));
  group.append(svg('g', { transform: `translate(${x},${y})${turn}` },
    ...[...parts, ...(isBad ? [FORMS.dash] : [])].map(([kind, d]) => svg('path', { d, class: kind }))));
  return group;
}

/** A padlock of 12 by 13, drawn: fonts often have none. @param {number} x @param {number} y */
export function padlock(x, y) {
  const [[kind, d]] = formOf('lock').parts;
  return svg('path', { d, class: kind, transform: `translate(${x + 6},${y + 7})` });
}
