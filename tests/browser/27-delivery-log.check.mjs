// The delivery log: rows come and change by themselves, nothing moves under the pointer, filters live in the address.

import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Api } from './lib/api.mjs';
import { allowProblem, axe, fitsWidth, openPage, screenshot } from './lib/browser.mjs';
import { dana, firstAdministrator } from './lib/people.mjs';
import { startPortal } from './lib/portal.mjs';
import * as samples from './lib/samples.mjs';

const portal = await startPortal();
const admin = await firstAdministrator(portal);
const people = new Api(portal, portal.command(['token', 'add', '--user', dana.email]));
const endpoint = (name) => people.post('/endpoints', { name, type: 'folder', directory: name.toLowerCase() });
const archive = await endpoint('Archive');
const broken = await endpoint('Broken');
for (const { name, id } of [{ name: 'Claims', id: archive.id }, { name: 'Lost', id: broken.id }]) {
  await people.post('/use-cases', { name, pictures: [], recordings: [id] });
}
portal.command(['app', 'add', 'telephony']);
const telephony = new Api(portal, portal.command(['key', 'add', '--app', 'telephony']));
const conversations = {
  Claims: await telephony.post('/conversations', { use_case: 'Claims', external_id: 'call 88213' }),
  Lost: await telephony.post('/conversations', { use_case: 'Lost' }),
};
const brokenFolder = join(portal.dataDir, 'data/folders/broken');
renameSync(brokenFolder, `${brokenFolder}-moved`);
writeFileSync(brokenFolder, ''); // as a share that is gone would look

const handIn = (file_name, useCase = 'Claims') =>
  telephony.postFile(`/conversations/${conversations[useCase].id}/media`, samples.call, { kind: 'recording', file_name });
await handIn('first.wav');
await handIn('second.wav');

const visit = async (path, options = {}) => {
  const page = await openPage({ like: admin, ...options });
  await page.goto(portal.url + path);
  return page;
};
const rows = (page) => page.getByRole('region', { name: 'Deliveries' }).locator('tbody tr');
const row = (page, name) => rows(page).filter({ has: page.getByRole('link', { name, exact: true }) });
const isDelivered = (page, name) => row(page, name).getByText('Delivered', { exact: true }).waitFor();
const firstName = (page) => rows(page).first().locator('.lead').textContent();
const news = (page, words) => page.getByRole('button', { name: words, exact: true });
const away = (page) => page.mouse.move(2, 2);

export async function rowsComeOnTopAndChangeByThemselves() {
  const page = await visit('/deliveries');
  await row(page, 'first.wav').waitFor();
  await handIn('third.wav');
  await isDelivered(page, 'third.wav');
  assert.equal(await firstName(page), 'third.wav');
  assert.equal(await row(page, 'third.wav').count(), 1);
  assert.match(await row(page, 'third.wav').locator('time').textContent(), /second|now/);
  assert.match(await row(page, 'third.wav').locator('td').nth(4).textContent(), /ms|s$/);
  await axe(page);
}

export async function nothingMovesUnderThePointer() {
  const page = await visit('/deliveries');
  await isDelivered(page, 'third.wav');
  await row(page, 'second.wav').hover();
  const before = await row(page, 'second.wav').boundingBox();
  await handIn('fourth.wav');
  await news(page, '1 new').waitFor();
  assert.deepEqual(await row(page, 'second.wav').boundingBox(), before);
  await away(page);
  await isDelivered(page, 'fourth.wav');
  assert.equal(await firstName(page), 'fourth.wav');
  await news(page, '1 new').waitFor({ state: 'hidden' });
}

export async function nothingMovesUnderTheFocusEither() {
  const page = await visit('/deliveries');
  await row(page, 'first.wav').getByRole('link', { name: 'first.wav' }).focus();
  await handIn('fifth.wav');
  await news(page, '1 new').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'first.wav');
  await news(page, '1 new').press('Enter');
  await isDelivered(page, 'fifth.wav');
}

export async function aPausedListWaitsUntilItIsAsked() {
  const page = await visit('/deliveries');
  const live = page.getByRole('button', { name: 'Live' });
  await live.focus();
  await page.keyboard.press('Space');
  assert.equal(await live.getAttribute('aria-pressed'), 'false');
  await page.getByText('Paused', { exact: true }).waitFor();
  await handIn('sixth.wav');
  await news(page, '1 new').waitFor();
  assert.equal(await row(page, 'sixth.wav').count(), 0);
  await screenshot(page, 'delivery log paused');
  await page.keyboard.press('Space');
  await isDelivered(page, 'sixth.wav');
  assert.equal(await live.getAttribute('aria-pressed'), 'true');
}

export async function anEmptyListFillsWithWhatBelongsIntoIt() {
  const page = await visit('/deliveries?q=eighth');
  await page.getByRole('heading', { name: 'No delivery matches' }).waitFor();
  await handIn('seventh.wav');
  await handIn('eighth.wav');
  await isDelivered(page, 'eighth.wav');
  assert.equal(await rows(page).count(), 1);
  assert.equal(await page.getByRole('heading', { name: 'No delivery matches' }).isVisible(), false);
}

export async function filtersAndSearchStandInTheAddress() {
  const page = await visit('/deliveries');
  await page.getByLabel('Search deliveries').pressSequentially('SECOND');
  await page.waitForURL(/q=SECOND/);
  await row(page, 'second.wav').waitFor();
  assert.equal(await rows(page).count(), 1);
  assert.equal(await page.evaluate(() => document.activeElement.name), 'q', 'the focus stays in the search box');
  await page.getByRole('link', { name: 'Needs attention' }).click();
  await page.waitForURL(/state=held&q=SECOND/);
  await page.getByRole('link', { name: 'Clear filters' }).click();
  await page.waitForURL(`${portal.url}/deliveries`);
  await page.getByLabel('Endpoint', { exact: true }).selectOption('Broken');
  await page.waitForURL(/endpoint=/);
  await page.getByRole('heading', { name: 'No delivery matches' }).waitFor();
  await page.goBack();
  await row(page, 'first.wav').waitFor();
  await page.getByLabel('Search deliveries').fill('call 88213');
  await page.getByText('Found by its name: call 88213').waitFor();
}

export async function theTabOfAnEndPointIsLiveAndOffersToRetry() {
  const page = await visit(`/endpoints/${broken.id}?tab=deliveries`);
  await page.getByRole('heading', { name: 'No deliveries yet' }).waitFor();
  await handIn('lost.wav', 'Lost');
  await row(page, 'lost.wav').getByText('Waiting to retry').waitFor();
  await row(page, 'lost.wav').getByRole('button', { name: 'Retry lost.wav' }).waitFor();
  assert.equal(await page.getByRole('columnheader', { name: 'Endpoint' }).count(), 0);
  await axe(page);
  await screenshot(page, 'delivery log of an end point');

  const asked = page.waitForEvent('dialog');
  const click = row(page, 'lost.wav').getByRole('button', { name: 'Cancel lost.wav' }).click();
  const dialog = await asked;
  assert.match(dialog.message(), /lost\.wav will not be sent to Broken/);
  await dialog.dismiss();
  await click;
  await row(page, 'lost.wav').getByText('Waiting to retry').waitFor();
  await page.reload();
  await page.getByRole('button', { name: 'Retry all that wait' }).waitFor();
}

export async function aRowIsCancelledAndTriedAgainWhereItStands() {
  const page = await visit(`/endpoints/${broken.id}?tab=deliveries`);
  page.once('dialog', (dialog) => dialog.accept());
  await row(page, 'lost.wav').getByRole('button', { name: 'Cancel lost.wav' }).click();
  await row(page, 'lost.wav').getByText('Cancelled', { exact: true }).waitFor();
  await page.getByText('Delivery cancelled. The file is kept.').waitFor();
  assert.equal(await rows(page).count(), 1);
  await axe(page);
  await away(page);
  await row(page, 'lost.wav').getByRole('button', { name: 'Retry lost.wav' }).click();
  await page.getByText('The file is tried now.').waitFor();
  await away(page);
  await row(page, 'lost.wav').getByText('Waiting to retry').waitFor();
  await page.getByRole('button', { name: 'Retry all that wait' }).click();
  await page.locator('#toasts').getByText('Everything that waits for this end point is tried now.').waitFor();
  await row(page, 'lost.wav').waitFor();
}

export async function aDeliveryIsSteeredWithoutScript() {
  const { items } = await people.get('/deliveries?state=retrying');
  const page = await visit(`/deliveries/${items[0].id}`, { javaScript: false });
  await page.getByRole('button', { name: 'Cancel delivery' }).click();
  await page.getByText('Delivery cancelled. The file is kept.').waitFor();
  assert.equal(await page.getByRole('heading', { level: 1 }).getByText('Cancelled').count(), 1);
  await page.getByRole('button', { name: 'Retry now' }).click();
  await page.getByText('The file is tried now.').waitFor();
}

export async function theLogOnAPhone() {
  const page = await visit('/deliveries', { viewport: 'phone', theme: 'dark' });
  await row(page, 'lost.wav').waitFor();
  await fitsWidth(page);
  await axe(page);
  await screenshot(page, 'delivery log phone dark');
}

export async function aDeliveryIsFollowedUntilItArrives() {
  const { items } = await people.get('/deliveries?state=retrying');
  const page = await visit(`/deliveries/${items[0].id}`);
  await page.getByText(/Attempt \d: the endpoint needs attention/).first().waitFor();
  await axe(page);
  await screenshot(page, 'delivery retrying');
  rmSync(brokenFolder);
  renameSync(`${brokenFolder}-moved`, brokenFolder);
  const attempts = page.locator('.timeline').getByText(/Attempt \d: /);
  const before = await attempts.count();
  // somebody else lets it be tried; this page hears of it
  await people.post(`/deliveries/${items[0].id}/retry`);
  await page.getByText(/Attempt \d: delivered/).waitFor();
  assert.equal(await attempts.count(), before + 1);
  assert.equal(await page.getByRole('heading', { level: 1 }).getByText('Delivered').count(), 1);
}

export async function aHiddenPageLetsGoOfItsStreamAndCatchesUp() {
  const page = await visit('/deliveries');
  await row(page, 'first.wav').waitFor();
  const hide = (hidden) =>
    page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  await hide(true);
  await handIn('unseen.wav');
  await new Promise((done) => setTimeout(done, 2500)); // twice as long as a change takes to come
  assert.equal(await row(page, 'unseen.wav').count(), 0);
  await hide(false);
  await isDelivered(page, 'unseen.wav');
}

export async function withoutScriptItIsAPlainList() {
  const page = await visit('/deliveries', { javaScript: false });
  await row(page, 'first.wav').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Live' }).isVisible(), false);
  await page.getByLabel('Search deliveries').fill('second');
  await page.getByRole('button', { name: 'Apply' }).click();
  assert.equal(await rows(page).count(), 1);
  await page.getByRole('link', { name: 'Cancelled' }).click();
  await page.getByRole('heading', { name: 'No delivery matches' }).waitFor();
}

export async function theEndOfTheSessionIsSaid() {
  const page = await visit('/deliveries');
  allowProblem(page, /status of 401/);
  await row(page, 'first.wav').waitFor();
  const other = await openPage({ like: admin });
  await other.goto(portal.url);
  await other.getByRole('button', { name: dana.email }).click();
  await other.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('Your session has ended').waitFor({ timeout: 45_000 });
  await page.getByText('Signed out', { exact: true }).waitFor();
}
