// Pages that stay up to date. What would move or change under the pointer or the focus is held back until they leave.
import { all, one } from './dom.js';
import { sessionEnded } from './toasts.js';

// a table that was left open over night must not fill the memory; further rows are a page away
const MOST_ROWS = 200;

const heldBack = new Map(); // id of a row → its newest form
let paused = false;
let crowded = false;
let signedOut = false;

const log = () => one('[data-log]');
const region = () => log().closest('.table-wrap');
const isLive = (target) => target.matches?.('[data-log], [data-page-live]');

function parsed(html) {
  const template = document.createElement('template');
  template.innerHTML = html;
  return one('tr', template.content);
}

/** Whether somebody is about to use what a row would change: itself when it is there, the whole table when it is new. */
function isInUse(present) {
  const place = present ?? region();
  return place.matches(':hover') || place.contains(document.activeElement);
}

function count() {
  const button = one('[data-log-show]');
  if (!button) return;
  const fresh = [...heldBack.keys()].filter((id) => !document.getElementById(id)).length;
  const changed = heldBack.size - fresh;
  const parts = [fresh && `${fresh} new`, changed && `${changed} changed`].filter(Boolean);
  button.hidden = !parts.length && !crowded;
  one('span', button).textContent = crowded ? 'Much has changed: show it' : parts.join(', ');
}

function tell(words) {
  const place = one('[data-log-word]');
  if (place && place.textContent !== words) place.textContent = words;
}

/** Puts the rows that were held back where they belong. */
function release(all = false) {
  const rows = [];
  for (const [id, html] of heldBack) {
    if (!all && isInUse(document.getElementById(id))) continue;
    heldBack.delete(id);
    rows.push(html);
  }
  count();
  if (rows.length) {
    htmx.swap({ sourceElement: log(), target: log(), swap: 'upsert key:data-seq sort:desc', text: rows.join('') });
  }
}

function trim() {
  for (const row of all('[data-log] > tr').slice(MOST_ROWS)) row.remove();
}

document.addEventListener('htmx:sse:before:message', (event) => {
  const { message } = event.detail;
  if (!event.target.matches('[data-log]') || message.event) return;
  const row = parsed(message.data);
  const present = document.getElementById(row.id);
  const isGone = 'left' in row.dataset && !present && !heldBack.has(row.id);
  if (!isGone && (paused || isInUse(present))) heldBack.set(row.id, message.data);
  else heldBack.delete(row.id);
  if (isGone || heldBack.has(row.id)) event.preventDefault();
  count();
});

document.addEventListener('htmx:after:swap', trim);

document.addEventListener('crowded', () => {
  crowded = true;
  count();
});

document.addEventListener('click', (event) => {
  const within = (selector) => event.target.closest?.(selector);
  if (within('[data-log-show]')) {
    if (crowded) location.reload();
    else release(true);
  }
  const button = within('[data-log-live]');
  if (!button) return;
  paused = !paused;
  button.setAttribute('aria-pressed', String(!paused));
  tell(paused ? 'Paused' : '');
  if (!paused) release();
});

const leave = () => setTimeout(() => log() && !paused && heldBack.size && release());
document.addEventListener('pointerout', leave);
document.addEventListener('focusout', leave);

// another list has come into the page: what was held back belonged to the one before
document.addEventListener('htmx:before:cleanup', ({ target }) => {
  if (!target.matches?.('[data-log]')) return;
  heldBack.clear();
  paused = crowded = false;
});

document.addEventListener('signed-out', (event) => {
  if (!isLive(event.target)) return;
  signedOut = true;
  tell('Signed out');
  sessionEnded();
});

document.addEventListener('htmx:sse:before:connection', (event) => {
  if (signedOut) event.preventDefault();
});
document.addEventListener('htmx:sse:after:connection', ({ target }) => {
  if (isLive(target)) tell(paused ? 'Paused' : '');
});
document.addEventListener('htmx:sse:error', ({ target, detail }) => {
  if (!isLive(target)) return;
  if (detail.status === 401 || detail.status === 403) {
    signedOut = true;
    sessionEnded();
  }
  tell(signedOut ? 'Signed out' : 'No connection, trying again');
});
// the first connection is a request as any other, and is not repeated
document.addEventListener('htmx:response:error', ({ target }) => {
  if (isLive(target)) tell('Not live: load the page again');
});
