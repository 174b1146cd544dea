// Dialogs, copy buttons, revealing a password, the theme switch: one click listener for all of them.
import { one, say } from './dom.js';

const COPIED_MS = 1400;

function open(button) {
  const dialog = one(button.dataset.open);
  if (!dialog || dialog.open) return;
  dialog.showModal();
  one('[autofocus]', dialog)?.focus();
}

async function copy(button) {
  const text = button.dataset.copy || one(button.dataset.copyFrom)?.textContent || '';
  await navigator.clipboard.writeText(text.trim());
  say('Copied');
  const use = one('use', button);
  if (!use) return;
  const before = use.getAttribute('href');
  use.setAttribute('href', before.replace(/#.*/, '#check'));
  setTimeout(() => use.setAttribute('href', before), COPIED_MS);
}

function reveal(button) {
  const input = one(button.dataset.reveal);
  const shown = input.type === 'text';
  input.type = shown ? 'password' : 'text';
  button.setAttribute('aria-pressed', String(!shown));
}

// browsers without `closedby` get a click beside the dialog handled here
function lightDismiss(event) {
  const dialog = event.target;
  if (!dialog.matches?.('dialog[open][closedby=any]')) return;
  const box = dialog.getBoundingClientRect();
  const inside =
    event.clientX >= box.left &&
    event.clientX <= box.right &&
    event.clientY >= box.top &&
    event.clientY <= box.bottom;
  if (!inside) dialog.close();
}

document.addEventListener('click', (event) => {
  const within = (selector) => event.target.closest?.(selector);
  if (within('[data-open]')) open(within('[data-open]'));
  if (within('[data-close]')) within('dialog')?.close();
  if (within('[data-copy], [data-copy-from]')) copy(within('[data-copy], [data-copy-from]'));
  if (within('[data-reveal]')) reveal(within('[data-reveal]'));
  lightDismiss(event);
});

// the theme form works without script; with it, the page changes at once and the server only keeps the choice
document.addEventListener('submit', (event) => {
  const form = event.target.closest('form[data-theme-form]');
  const value = event.submitter?.value;
  if (!form || value === undefined) return;
  event.preventDefault();
  document.documentElement.dataset.theme = value === 'system' ? '' : value;
  for (const button of form.querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button === event.submitter));
  }
  const body = new URLSearchParams(new FormData(form, event.submitter));
  fetch(form.action, { method: 'POST', body, redirect: 'manual', keepalive: true });
});
