// Forms: tabs in a form, links of the error summary, the guard against losing what was typed.
import { all, one } from './dom.js';

const shown = new WeakMap();

/** Turns the stacked sections of a form into tabs; the address's hash names the open one. */
export function tabs(root = document) {
  for (const list of all('[role=tablist]:not([data-ready])', root)) {
    list.dataset.ready = '';
    const box = list.closest('.tabbed');
    if (box) box.dataset.ready = '';
    const choices = all('[role=tab]', list);
    shown.set(list, (tab) => select(choices, tab));
    list.addEventListener('click', (event) => {
      const tab = event.target.closest('[role=tab]');
      if (tab) choose(choices, tab);
    });
    list.addEventListener('keydown', (event) => byKey(choices, event));
    const wrong = choices.find((tab) => one('[aria-invalid=true]', panelOf(tab)));
    select(choices, wrong ?? byHash(choices) ?? choices[0]);
  }
}

const panelOf = (tab) => document.getElementById(tab.getAttribute('aria-controls'));
const byHash = (choices) => choices.find((tab) => `#${tab.dataset.hash}` === location.hash);

function select(choices, chosen) {
  for (const tab of choices) {
    const on = tab === chosen;
    tab.setAttribute('aria-selected', String(on));
    tab.tabIndex = on ? 0 : -1;
    panelOf(tab).hidden = !on;
  }
}

function choose(choices, tab) {
  select(choices, tab);
  tab.focus();
  history.replaceState(history.state, '', `#${tab.dataset.hash}`);
}

function byKey(choices, event) {
  const at = choices.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: choices.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  choose(choices, choices.at(to % choices.length));
}

addEventListener('hashchange', () => {
  for (const list of all('[role=tablist][data-ready]')) {
    const tab = byHash(all('[role=tab]', list));
    if (tab) shown.get(list)?.(tab);
  }
});

// a link of the error summary opens the tab that holds its field
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('[data-summary] a[href^="#"]');
  const field = link && document.getElementById(link.hash.slice(1));
  if (!field) return;
  event.preventDefault();
  const panel = field.closest('[role=tabpanel]');
  if (panel?.hidden) {
    const tab = one(`[aria-controls="${panel.id}"]`);
    shown.get(tab.closest('[role=tablist]'))?.(tab);
  }
  field.focus();
});

/** Moves the focus to what a new page or fragment marks as the thing to read first. */
export function focusMarked(root = document) {
  const marked = one('[data-focus]', root);
  if (!marked) return;
  marked.removeAttribute('data-focus');
  marked.focus();
}

/** Forgets that a form holds unsaved input. */
export const forget = (form) => delete form?.dataset.dirty;

document.addEventListener('input', (event) => {
  const form = event.target.closest?.('form[data-guard]');
  if (form) form.dataset.dirty = '';
});

// a form that htmx sends is only saved when the answer says so
document.addEventListener('submit', (event) => {
  if (!event.target.hasAttribute('hx-post')) forget(event.target);
});

addEventListener('beforeunload', (event) => {
  if (one('form[data-guard][data-dirty]')) event.preventDefault();
});
