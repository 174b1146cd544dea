// The command palette: Ctrl K, then type a page or an action. Its entries are links that the page already holds.
import { all, one } from './dom.js';

const MOST = 12;
const dialog = one('#palette');

if (dialog) {
  const input = one('input', dialog);
  const list = one('ul[role=listbox]', dialog);
  const entries = [
    ...all('[data-actions] a', dialog).map((link) => entry(link, 'Actions')),
    ...all('.side li a').map((link) => entry(link, 'Go to')),
  ];
  let found = [];
  let current = 0;

  function entry(link, group) {
    const words = one('[data-label]', link) ?? link;
    return { text: words.textContent.trim(), href: link.href, icon: one('svg', link), group };
  }

  function draw() {
    const typed = input.value.trim().toLowerCase();
    found = entries.filter(({ text }) => text.toLowerCase().includes(typed)).slice(0, MOST);
    list.replaceChildren();
    let group = '';
    found.forEach((item, index) => {
      if (item.group !== group) list.append(heading((group = item.group)));
      list.append(option(item, index));
    });
    if (!found.length) list.append(heading('Nothing found'));
    mark(0);
  }

  function heading(text) {
    const row = document.createElement('li');
    row.className = 'group';
    row.setAttribute('role', 'presentation');
    row.textContent = text;
    return row;
  }

  function option(item, index) {
    const row = document.createElement('li');
    row.id = `palette-${index}`;
    row.setAttribute('role', 'option');
    const words = document.createElement('span');
    words.textContent = item.text;
    if (item.icon) row.append(item.icon.cloneNode(true));
    row.append(words);
    row.addEventListener('click', () => go(index));
    return row;
  }

  function mark(index) {
    current = index;
    const rows = all('[role=option]', list);
    rows.forEach((row, at) => row.setAttribute('aria-selected', String(at === index)));
    input.setAttribute('aria-activedescendant', rows[index]?.id ?? '');
    rows[index]?.scrollIntoView({ block: 'nearest' });
  }

  function go(index) {
    if (found[index]) location.href = found[index].href;
  }

  function open() {
    input.value = '';
    draw();
    if (!dialog.open) dialog.showModal();
    input.focus();
  }

  input.addEventListener('input', draw);
  input.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (found.length) mark((current + step + found.length) % found.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      go(current);
    }
  });
  document.addEventListener('keydown', (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'k') return;
    event.preventDefault();
    open();
  });
  document.addEventListener('click', (event) => {
    if (event.target.closest?.('[data-palette]')) open();
  });
}
