// The pages about the HTTP API: reading without script, trying calls with it, at every width and in both themes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { allowProblem, axe, fitsWidth, openPage, screenshot } from './lib/browser.mjs';
import { Api } from './lib/api.mjs';
import { dana, firstAdministrator } from './lib/people.mjs';
import { startPortal } from './lib/portal.mjs';
import * as samples from './lib/samples.mjs';

const REFUSED = /status of (401|404|422)/; // the browser logs what the check asks for
const KB = 1024;
const MOST = { page: 12 * KB };

const portal = await startPortal();
const admin = await firstAdministrator(portal);
const people = new Api(portal, portal.command(['token', 'add', '--user', dana.email]));
await people.post('/use-cases', { name: 'Claims', pictures: [], recordings: [] });
portal.command(['app', 'add', 'telephony']);
const key = portal.command(['key', 'add', '--app', 'telephony']);

const docs = `${portal.url}/api/docs`;
const visit = async (name, options) => {
  const page = await openPage(options);
  await page.goto(name ? `${docs}/${name}` : docs);
  return page;
};
const send = (page) => page.getByRole('button', { name: 'Send', exact: true }).click();
const answer = (page) => page.getByRole('region', { name: 'Answer' });
const answered = (page, status) => answer(page).getByText(status, { exact: true }).waitFor();
const answerText = (page) => page.getByLabel('Body of the answer', { exact: true }).innerText();
const curl = (page) => page.getByLabel('request as a command', { exact: true }).innerText();

async function look(page, name) {
  for (const theme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: theme });
    await page.evaluate(settled);
    await axe(page);
    await screenshot(page, `${name} ${theme}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.evaluate(settled);
  for (const width of [320, 390]) {
    await page.setViewportSize({ width, height: 844 });
    await fitsWidth(page);
  }
  await axe(page);
  await screenshot(page, `${name} phone`);
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** In the page: waits until colours have changed. */
async function settled() {
  await new Promise(requestAnimationFrame);
  const transitions = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
  await Promise.allSettled(transitions.map((transition) => transition.finished));
}

export async function aCallIsTriedWithGoodAndWithWrongInput() {
  const page = await visit('openConversation');
  allowProblem(page, REFUSED);
  await look(page, 'api call');
  const untouched = await curl(page);
  assert.ok(untouched.startsWith(`curl "${portal.url}/api/v1/conversations" \\`), untouched);

  await send(page);
  await answered(page, '401 Unauthorized');
  await page.getByLabel('Key or token', { exact: true }).fill(key);
  assert.equal(await curl(page), untouched, 'the page writes the command as the server does, and the key stays out of it');
  await send(page);
  await answered(page, '201 Created');
  const made = JSON.parse(await answerText(page));
  assert.equal(made.use_case.name, 'Claims');
  await answer(page).getByText(/^Headers \(\d+\)$/).click();
  await answer(page).getByText('x-request-id').waitFor();
  await look(page, 'api call answered');

  const body = page.getByRole('textbox', { name: 'Body' });
  await body.fill('{"use_case": "Nobody\'s"}');
  assert.ok((await curl(page)).includes(`-d '{"use_case": "Nobody'\\''s"}'`));
  await send(page);
  await answered(page, '422 Unprocessable Entity');
  await answer(page).getByText(/^invalid: /).waitFor();
  assert.ok(JSON.parse(await answerText(page)).errors.use_case);
  await body.fill('{"use_case"');
  await page.getByText('This is not JSON').waitFor();
  await look(page, 'api call refused');
  return made;
}

export async function theKeyAndTheIdentifierGoAlongButAreKeptNowhere() {
  const page = await visit('openConversation', { like: admin });
  allowProblem(page, REFUSED);
  await page.getByLabel('Key or token', { exact: true }).fill(key);
  await page.getByText('Headers', { exact: true }).filter({ visible: true }).last().click();
  await page.getByRole('button', { name: 'New Idempotency-Key' }).click();
  await page.getByRole('textbox', { name: 'Body' }).fill('{"use_case": "Claims"}');
  assert.match(await curl(page), /-H 'Idempotency-Key: [0-9a-f]{32}'/);
  await send(page);
  await answered(page, '201 Created');
  const { id } = JSON.parse(await answerText(page));
  await send(page);
  await answer(page).getByText('idempotency-replayed').waitFor({ state: 'attached' });

  await page.getByRole('link', { name: 'Read a conversation' }).click();
  await page.getByRole('heading', { name: 'Read a conversation', level: 1 }).waitFor();
  assert.equal(page.url(), `${docs}/getConversation`);
  assert.match(await page.title(), /^Read a conversation/);
  assert.equal(await page.getByRole('textbox', { name: 'id' }).inputValue(), id);
  assert.ok((await curl(page)).includes(`/conversations/${id}"`));
  await send(page);
  await answered(page, '200 OK');
  assert.equal(JSON.parse(await answerText(page)).id, id);

  await page.goBack();
  await page.getByRole('heading', { name: 'Open a conversation', level: 1 }).waitFor();
  await page.goForward();
  await page.getByRole('heading', { name: 'Read a conversation', level: 1 }).waitFor();
  await page.getByRole('textbox', { name: 'id' }).fill("no/../such 'one'");
  await send(page);
  const kept = await page.evaluate(() => [location.href, document.cookie, JSON.stringify({ ...localStorage, ...sessionStorage })]);
  assert.ok(!kept.join().includes(key.slice(4)), 'the key stands nowhere');
  await page.reload();
  assert.equal(await page.getByLabel('Key or token', { exact: true }).inputValue(), '');
}

export async function filesGoInAndComeOut() {
  const page = await visit('handInFile');
  allowProblem(page, REFUSED);
  await look(page, 'api file');
  const telephony = new Api(portal, key);
  const { id } = await telephony.post('/conversations', { use_case: 'Claims' });
  await page.getByLabel('Key or token', { exact: true }).fill(key);
  await page.getByRole('textbox', { name: 'id', exact: true }).fill(id);

  await page.getByRole('combobox', { name: 'Body' }).selectOption('multipart/form-data');
  await page.locator('input[type=file]:visible').setInputFiles(samples.picture.path);
  assert.ok((await curl(page)).includes(`-F 'kind=picture'`) && (await curl(page)).includes(`-F 'file=@${samples.picture.name}'`));
  await send(page);
  await answered(page, '201 Created');
  assert.equal(JSON.parse(await answerText(page)).size, samples.picture.bytes.length);

  await page.getByRole('combobox', { name: 'Body' }).selectOption('application/octet-stream');
  await page.locator('input[type=file]:visible').setInputFiles(samples.picture.path);
  assert.ok((await curl(page)).includes('media?kind=picture"'), await curl(page));
  await send(page);
  await answered(page, '422 Unprocessable Entity');
  await page.getByText('Query', { exact: true }).last().click();
  await page.locator('#t-query-kind').selectOption('picture');
  await page.locator('#t-query-file_name').fill("roof's.png");
  assert.ok((await curl(page)).includes('file_name=roof%27s.png'), await curl(page));
  await send(page);
  await answered(page, '201 Created');
  const stored = JSON.parse(await answerText(page));
  assert.equal(stored.file_name, "roof's.png");
  await look(page, 'api file answered');

  await page.getByRole('link', { name: 'Read the bytes of a media' }).click();
  await page.getByRole('heading', { name: 'Read the bytes of a media', level: 1 }).waitFor();
  await page.getByRole('textbox', { name: 'id', exact: true }).fill(stored.id);
  await send(page);
  await answered(page, '200 OK');
  const saving = page.waitForEvent('download');
  await answer(page).getByRole('link', { name: /^Save roof/ }).click();
  const saved = await (await saving).path();
  assert.ok(readFileSync(saved).equals(samples.picture.bytes), 'what comes out is what went in');
}

export async function anInstallationThatIsGoneIsNamed() {
  const page = await visit('getConversation');
  allowProblem(page, /ERR_FAILED|ERR_CONNECTION|Failed to load/);
  await page.getByRole('textbox', { name: 'id' }).fill('1');
  await page.route('**/api/v1/**', (route) => route.abort('connectionrefused'));
  await send(page);
  await answered(page, 'No answer');
  await answer(page).getByText('the connection could not be made').waitFor();
}

export async function callsAreFoundByTheirWords() {
  const page = await visit('');
  await look(page, 'api overview');
  const calls = page.getByRole('navigation', { name: 'API' }).getByRole('listitem').filter({ has: page.locator('.method') });
  const many = await calls.filter({ visible: true }).count();
  await page.getByRole('searchbox', { name: 'Filter calls' }).fill('post end');
  assert.ok((await calls.filter({ visible: true }).allInnerTexts()).some((text) => text.includes('End a conversation')));
  assert.ok((await calls.filter({ visible: true }).count()) < many);
  await page.keyboard.press('Control+k');
  await page.keyboard.type('read a conv');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${docs}/getConversation`);
}

export async function everythingIsReadWithoutScript() {
  const page = await visit('', { javaScript: false });
  await page.getByRole('navigation', { name: 'API' }).getByRole('link', { name: 'Open a conversation' }).click();
  await page.getByRole('heading', { name: 'Open a conversation', level: 1 }).waitFor();
  assert.match(await curl(page), /-d '\{\n {2}"use_case": "Claims"/);
  await page.getByText('idempotency_key_reused').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Send' }).count(), 0, 'it needs script, so it is not shown');
  await screenshot(page, 'api call without script');
}

export async function eachCallIsThereAndLight() {
  const page = await visit('');
  const links = await page.getByRole('navigation', { name: 'API' }).locator('[data-find] a').all();
  const addresses = await Promise.all(links.map((link) => link.getAttribute('href')));
  let largest = ['', 0];
  for (const address of ['/api/docs', ...addresses]) {
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    const documents = new Set();
    let bytes = 0;
    session.on('Network.responseReceived', ({ requestId, type }) => type === 'Document' && documents.add(requestId));
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => documents.has(requestId) && (bytes = encodedDataLength));
    await page.goto(portal.url + address);
    await session.detach();
    if (bytes > largest[1]) largest = [address, bytes];
    const form = page.locator('form[data-try]');
    if (await form.count()) {
      const printed = await curl(page);
      await form.evaluate((element) => element.dispatchEvent(new Event('input', { bubbles: true })));
      assert.equal(await curl(page), printed, `${address}: server and page write the same command`);
    }
    await axe(page);
    await page.setViewportSize({ width: 320, height: 640 });
    await fitsWidth(page);
    await page.setViewportSize({ width: 1280, height: 900 });
  }
  console.log(`      ${addresses.length} calls; the largest page is ${largest[0]}, ${(largest[1] / KB).toFixed(1)} KB`);
  assert.ok(largest[1] <= MOST.page, largest.join(' '));
}

export async function theMenuLeadsHere() {
  const page = await openPage({ like: admin });
  await page.goto(portal.url);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'HTTP API' }).click();
  await page.getByRole('heading', { name: 'HTTP API', level: 1 }).waitFor();
  const missing = await page.goto(`${docs}/nothing`);
  assert.equal(missing.status(), 404);
  allowProblem(page, REFUSED);
  await page.getByRole('link', { name: 'To the dashboard' }).waitFor();
}
