// The pages about the HTTP API: filter, moving between calls without losing the key, trying a call, colours in JSON.
// The key lives in this variable and in its field: nothing here writes to storage, cookies or addresses.
let key = '';

const MOST_SHOWN = 200_000; // characters of an answer; more makes the page slow to scroll
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const say = (text) => (one('#live').textContent = text);

// what was given for a segment, by the path in front of it: `/api/v1/conversations/` → the last conversation
const known = new Map();
let running = null; // the call that is under way
let file = ''; // address of the last answer that is no text

/* --- the request, as the form has it --- */

/** Reads the form: where to, with which headers, and with what; `curl` is the same as a command. */
function request(form) {
  const { method, path, server } = form.dataset;
  const fields = (place, root = form) =>
    all(`[data-in=${place}]`, root).map((field) => ({
      field,
      name: field.dataset.name,
      value: field.value,
      isNeeded: 'required' in field.dataset,
    }));
  const segments = new Map(fields('path').map(({ name, value }) => [name, value.trim()]));
  const queried = (part) => (part.length ? `?${part.join('&')}` : '');
  const part = all('[data-body]', form).find((body) => !body.hidden);
  // with a file as the body, the query says what a form would
  const isFile = part?.dataset.body === 'file';
  const query = fields('query')
    .map((entry) => ({ ...entry, isNeeded: entry.isNeeded || (isFile && 'withFile' in entry.field.dataset) }))
    .filter(({ value, isNeeded }) => value !== '' || isNeeded);
  const headers = fields('header').filter(({ value }) => value !== '');
  const address = (unknown, isShown) =>
    path.replace(/\{(\w+)\}/g, (_, name) => segments.get(name) ? encoded(segments.get(name)) : unknown(name)) +
    queried(query.filter(({ value }) => value !== '' || isShown).map(({ name, value, field }) => `${name}=${encoded(value) || sample(field)}`));

  const lines = ['-H "Authorization: Bearer $KEY"'];
  const sent = new Headers(headers.map(({ name, value }) => [name, value]));
  if (key) sent.set('Authorization', `Bearer ${key}`);
  for (const { name, value } of headers) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  const body = part ? bodyOf(part, fields('form', part), sent, lines) : undefined;
  if ('file' in form.dataset) lines.push('-OJ');

  const implied = part ? 'POST' : 'GET';
  const words = method === implied ? '' : `-X ${method} `;
  const url = address((name) => `$${name.toUpperCase()}`, true);
  const curl = [`curl ${words}"${server}${url}"`, ...lines].join(' \\\n  ');
  return { method, address: address(() => ''), headers: sent, body, curl };
}

function bodyOf(part, fields, headers, lines) {
  const type = part.dataset.type;
  if (part.dataset.body === 'json') {
    const text = one('[data-json]', part).value;
    headers.set('Content-Type', type);
    lines.push(`-H "Content-Type: ${type}"`, `-d ${quoted(text)}`);
    return text;
  }
  if (part.dataset.body === 'form') {
    const form = new FormData();
    for (const { field, name, value, isNeeded } of fields) {
      const chosen = field.files?.[0];
      if (chosen) form.append(name, chosen);
      else if (value !== '' && field.type !== 'file') form.append(name, value);
      if (chosen || value !== '' || (field.type === 'file' && isNeeded))
        lines.push(`-F ${quoted(field.type === 'file' ? `${name}=@${chosen?.name ?? 'file'}` : `${name}=${value}`)}`);
      else if (isNeeded) lines.push(`-F ${quoted(`${name}=${sample(field)}`)}`);
    }
    return form;
  }
  const chosen = one('[data-file]', part).files[0];
  const own = type.includes('*') || type === 'application/octet-stream' ? chosen?.type || type : type;
  headers.set('Content-Type', own.includes('*') ? 'application/octet-stream' : own);
  lines.push(`-H "Content-Type: ${own}"`, `--data-binary @${chosen ? quoted(chosen.name) : 'file'}`);
  return chosen ?? '';
}

const sample = ({ options }) => [...(options ?? [])].find(({ value }) => value)?.value ?? '…';
// what encodeURIComponent leaves alone, but a shell does not
const encoded = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/* --- sending it, and what comes back --- */

async function send(form) {
  const { method, address, headers, body } = request(form);
  const button = one('[type=submit]', form);
  const stop = one('[data-stop]', form);
  running = new AbortController();
  button.disabled = true;
  stop.hidden = false;
  said('Sending …');
  const start = performance.now();
  try {
    const answer = await fetch(address, {
      method,
      headers,
      body: method === 'GET' ? undefined : body,
      credentials: 'omit',
      cache: 'no-store',
      signal: running.signal,
    });
    const bytes = await answer.arrayBuffer();
    await show(answer, bytes, Math.round(performance.now() - start));
    remember(form, answer);
  } catch (error) {
    failed(error);
  }
  button.disabled = false;
  stop.hidden = true;
}

/** Puts a state and a sentence beside the heading, and announces them. */
function said(words, kind, state) {
  const pill = document.createElement('span');
  pill.className = `pill ${kind}`;
  pill.textContent = state;
  one('[data-said]').replaceChildren(...(state ? [pill] : []), words);
  say(`${state ?? ''} ${words}`);
}

function failed(error) {
  const stopped = error.name === 'AbortError';
  const words = stopped
    ? 'You stopped waiting. The call may have been carried out all the same.'
    : 'No answer came: the connection could not be made, or it broke off. Is the installation running, and reached at the address of this page?';
  said('', stopped ? 'warn' : 'err', stopped ? 'Stopped' : 'No answer');
  fill({ words });
}

async function show(answer, bytes, milliseconds) {
  const kind = answer.ok ? 'ok' : answer.status < 500 ? 'warn' : 'err';
  const size = bytes.byteLength ? ` · ${sized(bytes.byteLength)}` : '';
  said(`${milliseconds.toLocaleString('en')} ms${size}`, kind, `${answer.status} ${answer.statusText}`.trim());
  const type = answer.headers.get('Content-Type') ?? '';
  const shown = { headers: [...answer.headers] };
  if (/json|^text\//.test(type)) {
    const text = new TextDecoder().decode(bytes);
    const value = parsed(text);
    if (value?.code && value.detail) shown.words = `${value.code}: ${value.detail}`;
    shown.text = value === undefined ? text : JSON.stringify(value, null, 2);
    answer.document = value;
  } else if (bytes.byteLength) {
    shown.bytes = new Blob([bytes], { type });
    shown.name = /filename="([^"]+)"/.exec(answer.headers.get('Content-Disposition'))?.[1] ?? 'answer';
  }
  fill(shown);
}

/** Shows the parts that there are, and hides the others. */
function fill({ words = '', text = '', bytes = null, name = '', headers = [] }) {
  const at = (part) => one(`[data-answer] [data-${part}]`);
  at('body-of-answer').hidden = !(words || text || bytes || headers.length);
  at('words').hidden = !words;
  at('words').textContent = words;
  at('text').hidden = !text;
  const more = text.length - MOST_SHOWN;
  one('code', at('text')).textContent = more > 0 ? `${text.slice(0, MOST_SHOWN)}\n… ${more} more characters` : text;
  at('bytes').hidden = !bytes;
  URL.revokeObjectURL(file);
  file = bytes ? URL.createObjectURL(bytes) : '';
  const link = one('a', at('bytes'));
  if (bytes) link.href = file;
  else link.removeAttribute('href');
  link.download = name;
  one('span', link).textContent = bytes ? `Save ${name} (${bytes.type || 'no type'}, ${sized(bytes.size)})` : '';
  at('headers').hidden = !headers.length;
  one('summary', at('headers')).textContent = `Headers (${headers.length})`;
  const rows = headers.flatMap(([header, value]) => [element('dt', header), element('dd', value)]);
  one('dl', at('headers')).replaceChildren(...rows);
  colour();
  one('[data-answer]').scrollIntoView({ block: 'nearest' });
}

/** Keeps what the next calls will ask for: the identifier of what was just made or read. */
function remember(form, answer) {
  const { path, method } = form.dataset;
  const id = answer.document?.id;
  if (answer.ok && typeof id === 'string' && method === 'POST' && !path.endsWith('}')) known.set(`${path}/`, id);
  for (const field of all('[data-in=path]', form)) known.set(before(path, field.dataset.name), field.value);
}

const before = (path, name) => path.slice(0, path.indexOf(`{${name}}`));

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function sized(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const large = bytes >= 1024 * 1024;
  return `${(bytes / (large ? 1024 * 1024 : 1024)).toFixed(1)} ${large ? 'MB' : 'KB'}`;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/* --- the form --- */

/** Follows what is typed: the command, and whether the body is JSON (it may be sent all the same). */
function typed(form) {
  const made = request(form);
  one('#curl code').textContent = made.curl;
  for (const text of all('[data-json]', form)) {
    let problem = '';
    try {
      JSON.parse(text.value);
    } catch (error) {
      problem = `This is not JSON: ${error.message}`;
    }
    const line = one('[data-problem]', text.parentElement);
    line.hidden = !problem;
    one('span', line).textContent = problem;
  }
  colour();
}

/** Fills a form that has just come into the page with what is known. */
function prepare() {
  const form = one('form[data-try]');
  if (!form) return;
  one('[data-key]', form).value = key;
  for (const field of all('[data-in=path]', form)) {
    field.value = known.get(before(form.dataset.path, field.dataset.name)) ?? '';
  }
  if (all('[data-in=path]', form).some((field) => field.value)) typed(form);
}

document.addEventListener('input', ({ target }) => {
  if (target.matches('[data-key]')) key = target.value.trim();
  if (target.matches('[data-filter]')) filter(target.value);
  if (target.matches('select[data-type]')) {
    const { options, form } = target;
    all('[data-body]', form).forEach((body, at) => (body.hidden = !options[at].selected));
  }
  const form = target.closest('form[data-try]');
  if (form) typed(form);
});

document.addEventListener('submit', (event) => {
  if (!event.target.matches('form[data-try]')) return;
  event.preventDefault();
  send(event.target);
});

document.addEventListener('click', (event) => {
  const within = (selector) => event.target.closest?.(selector);
  if (within('[data-stop]')) running?.abort();
  const fresh = within('[data-new]');
  if (fresh) {
    const field = document.getElementById(fresh.dataset.new);
    // randomUUID is missing where the page came over plain http
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    field.value = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    typed(field.form);
    say(`${field.dataset.name} is new`);
  }
  const link = within('a[data-visit]');
  const plain = !event.button && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain) return;
  event.preventDefault();
  visit(link.href, true);
});

/* --- from call to call: the page changes, this script and its key stay --- */

let here = location.pathname;
let wanted = here;

async function visit(address, isNew) {
  wanted = new URL(address).pathname;
  const asked = wanted;
  let next;
  try {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(answer.statusText);
    next = new DOMParser().parseFromString(await answer.text(), 'text/html');
  } catch {
    location.href = address; // the browser says what is wrong
    return;
  }
  if (asked !== wanted) return; // another one was clicked meanwhile
  running?.abort();
  if (isNew) history.pushState(null, '', address);
  here = asked;
  document.title = next.title;
  for (const part of ['.crumbs', '#main']) one(part).replaceChildren(...one(part, next).childNodes);
  for (const link of all('.side [data-visit]')) {
    if (link.pathname === here && !link.matches('.brand')) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (one('.side').matches(':popover-open')) one('.side').hidePopover();
  prepare();
  colour();
  if (isNew) scrollTo(0, 0);
  one('#main').focus({ preventScroll: true });
}

addEventListener('popstate', () => {
  if (location.pathname !== here) visit(location.href, false);
});

/** Shows the calls that have every word. */
function filter(words) {
  const asked = words.toLowerCase().split(/\s+/).filter(Boolean);
  for (const entry of all('.side [data-find]')) {
    const text = `${entry.dataset.find} ${entry.textContent}`.toLowerCase();
    entry.hidden = !asked.every((word) => text.includes(word));
  }
  for (const chapter of all('.side section')) chapter.hidden = !one('[data-find]:not([hidden])', chapter);
  say(`${all('.side section:not([hidden]) [data-find]:not([hidden])').length} calls`);
}

/* --- colours in JSON, as highlights: the text stays one piece --- */

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.eE+-]*|true|false|null/g;

function colour() {
  if (!globalThis.CSS?.highlights) return;
  const found = { name: [], text: [], word: [] };
  for (const { firstChild: node } of all('pre code')) {
    if (!/^[{[]/.test(node?.data ?? '')) continue;
    for (const { index, 0: token, 1: string, 2: colon } of node.data.matchAll(TOKEN)) {
      const range = new Range();
      range.setStart(node, index);
      range.setEnd(node, index + (string ?? token).length);
      found[colon ? 'name' : string ? 'text' : 'word'].push(range);
    }
  }
  for (const [name, ranges] of Object.entries(found)) CSS.highlights.set(`json-${name}`, new Highlight(...ranges));
}

prepare();
colour();
