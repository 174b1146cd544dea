// Forms: tabs in a form, links of the error summary, the guard against losing what was typed.
import { all, one } from './dom.js';

// the open tab of each list; a morph keeps the elements, but takes away what only the script had set on them
const opened = new WeakMap();

/** Turns the stacked sections of a form into tabs. Runs again after each swap. */
export function tabs(root = document) {
  for (const list of all('[role=tablist]', root)) {
    const choices = all('[role=tab]', list);
    const wrong = choices.find((tab) => one('[aria-invalid=true]', panelOf(tab)));
    const printed = choices.find((tab) => tab.getAttribute('aria-selected') === 'true');
    if (!opened.has(list)) listen(list);
    select(list, wrong ?? opened.get(list) ?? byHash(choices) ?? printed ?? choices[0]);
    list.closest('.tabbed').dataset.ready = '';
  }
}

const panelOf = (tab) => document.getElementById(tab.getAttribute('aria-controls'));
const byHash = (choices) => choices.find((tab) => `#${tab.dataset.hash}` === location.hash);

function listen(list) {
  list.addEventListener('click', (event) => {
    const tab = event.target.closest('[role=tab]');
    if (tab) choose(list, tab);
  });
  list.addEventListener('keydown', (event) => byKey(list, event));
}

function select(list, chosen) {
  opened.set(list, chosen);
  for (const tab of all('[role=tab]', list)) {
    const on = tab === chosen;
    tab.setAttribute('aria-selected', String(on));
    tab.tabIndex = on ? 0 : -1;
    panelOf(tab).hidden = !on;
  }
}

function choose(list, tab) {
  select(list, tab);
  tab.focus();
  history.replaceState(history.state, '', `#${tab.dataset.hash}`);
}

function byKey(list, event) {
  const choices = all('[role=tab]', list);
  const at = choices.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: choices.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  choose(list, choices.at(to % choices.length));
}

addEventListener('hashchange', () => {
  for (const list of all('[role=tablist]')) {
    const tab = byHash(all('[role=tab]', list));
    if (tab) select(list, tab);
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
    select(tab.closest('[role=tablist]'), tab);
  }
  const folded = field.closest('details');
  if (folded) folded.open = true;
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
