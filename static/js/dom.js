// Short hands for the document, and the one place that speaks to screen readers.

export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Announces a sentence politely; the short pause makes repeated sentences audible. */
export function say(text) {
  const live = one('#live');
  if (!live) return;
  live.textContent = '';
  setTimeout(() => (live.textContent = text), 50);
}

/** Makes an icon of the sprite, as the templates do. */
export function icon(name, classes = '') {
  const sprite = one('#toasts').dataset.sprite;
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  svg.setAttribute('class', `icon ${classes}`);
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `${sprite}#${name}`);
  svg.append(use);
  return svg;
}
