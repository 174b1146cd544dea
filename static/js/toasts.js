// Short notices in the corner. A manual popover puts them above dialogs; hover and focus stop their clock.
import { all, icon, one } from './dom.js';

const USUAL_MS = 6000;
// an undo needs time to be read and reached (WCAG 2.2.1)
const UNDO_MS = 12000;

/** Shows a notice: `{text, kind: 'ok' | 'err', undo, link: {href, text}}`. `undo` is an address to POST to. */
export function toast({ text, kind = 'ok', undo = null, link = null }) {
  const box = one('#toasts');
  if (!box) return;
  const notice = document.createElement('div');
  notice.className = 'toast';
  const words = document.createElement('span');
  words.className = 'grow';
  words.textContent = text;
  notice.append(icon(kind === 'ok' ? 'circle-check' : 'circle-alert', kind), words);
  if (link) notice.append(linkTo(link));
  if (undo) notice.append(undoButton(undo, notice));
  notice.append(closeButton(notice));
  box.append(notice);
  show(box);
  run(notice, undo || link ? UNDO_MS : USUAL_MS);
}

/** Says that somebody has to sign in again. */
export function sessionEnded() {
  const next = encodeURIComponent(location.pathname + location.search);
  toast({
    text: 'Your session has ended. Sign in again; what you typed stays here until you leave this page.',
    kind: 'err',
    link: { href: `/login?next=${next}`, text: 'Sign in' },
  });
}

function linkTo({ href, text }) {
  const anchor = document.createElement('a');
  anchor.className = 'button small';
  anchor.href = href;
  anchor.textContent = text;
  return anchor;
}

function undoButton(address, notice) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'button small';
  button.textContent = 'Undo';
  button.addEventListener('click', async () => {
    button.disabled = true;
    await htmx.ajax('POST', address, { target: 'body', swap: 'none' });
    remove(notice);
  });
  return button;
}

function closeButton(notice) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'button ghost square small';
  button.setAttribute('aria-label', 'Dismiss');
  button.append(icon('x', 'small'));
  button.addEventListener('click', () => remove(notice));
  return button;
}

// hide and show again, so that a toast is above a dialog that was opened after the last one
function show(box) {
  if (box.matches(':popover-open')) box.hidePopover();
  box.showPopover();
}

function remove(notice) {
  const box = notice.parentElement;
  notice.remove();
  if (box && !box.childElementCount) box.hidePopover();
}

function run(notice, milliseconds) {
  let left = milliseconds;
  let started = 0;
  let timer = 0;
  const start = () => {
    clearTimeout(timer);
    started = Date.now();
    timer = setTimeout(() => remove(notice), left);
  };
  const stop = () => {
    clearTimeout(timer);
    left -= Date.now() - started;
  };
  notice.addEventListener('pointerenter', stop);
  notice.addEventListener('pointerleave', start);
  notice.addEventListener('focusin', stop);
  notice.addEventListener('focusout', start);
  start();
}

// a response's `HX-Trigger: {"toast": {"text": "…"}}` arrives here
document.addEventListener('toast', (event) => toast(event.detail));

// what the last page left to say is printed in the page and shown here
for (const flash of all('[data-flash]')) {
  flash.hidden = true;
  toast({ text: flash.textContent.trim(), kind: flash.dataset.flash });
}
