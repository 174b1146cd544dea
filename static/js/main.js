// Starts everything, again after each swap, and says what went wrong with a request.
import { forget, focusMarked, tabs } from './forms.js';
import { times } from './times.js';
import { sessionEnded, toast } from './toasts.js';

function start(root = document) {
  tabs(root);
  times(root);
  focusMarked(root);
}

start();
document.addEventListener('htmx:after:swap', () => start());

// leaving because the answer says so is not leaving unsaved work
document.addEventListener('htmx:after:request', ({ detail: { ctx } }) => {
  if (ctx.hx?.redirect || ctx.hx?.refresh) forget(ctx.sourceElement.closest('form'));
});

// the last message of a streamed answer names the page to go to
document.addEventListener('saved', (event) => {
  forget(event.target.closest?.('form'));
  location.href = event.detail.data;
});

document.addEventListener('htmx:response:error', ({ detail: { ctx } }) => {
  const { status, headers } = ctx.response;
  if (status === 401 && !ctx.hx?.redirect) {
    sessionEnded();
  } else if (status >= 500 && !ctx.sourceElement?.matches?.('[hx-sse\\:connect]')) {
    const id = headers.get('x-request-id');
    toast({ text: `The server could not do this.${id ? ` Request ${id}` : ''}`, kind: 'err' });
  }
});

// a request that is cut off because the page is being left fails too: by then nobody is here to read this
const LEAVING_MS = 400;
const unreachable = () =>
  setTimeout(() => toast({ text: 'The server could not be reached. Nothing was saved.', kind: 'err' }), LEAVING_MS);

document.addEventListener('htmx:error', (event) => {
  // a live list reconnects by itself
  if (!event.detail?.ctx?.sourceElement?.matches?.('[hx-sse\\:connect]')) unreachable();
});
document.addEventListener('htmx:sse:error', (event) => {
  if (!event.target.matches?.('[hx-sse\\:connect]')) unreachable();
});
