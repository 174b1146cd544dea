// The types of end points beside buckets and folders, added as an administrator does, and files that arrive there.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Api } from './lib/api.mjs';
import { allowProblem, axe, fitsWidth, openPage, screenshot } from './lib/browser.mjs';
import { addUseCase, dana, firstAdministrator, testAndSave, toldThat } from './lib/people.mjs';
import { startPortal } from './lib/portal.mjs';
import * as samples from './lib/samples.mjs';
import { until } from './lib/wait.mjs';

const REFUSED = /status of 422/; // the browser logs what the check asks for
const { TEST_SFTP_HOST, TEST_SFTP_PORT, TEST_SFTP_USER, TEST_SFTP_PASSWORD, TEST_SFTP_HOME, TEST_SFTP_KEYS } = process.env;

const portal = await startPortal();
const admin = await firstAdministrator(portal);
const people = new Api(portal, portal.command(['token', 'add', '--user', dana.email]));
portal.command(['app', 'add', 'telephony']);
const api = new Api(portal, portal.command(['key', 'add', '--app', 'telephony']));
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

const visit = async (address, options = {}) => {
  const page = await openPage({ like: admin, ...options });
  allowProblem(page, REFUSED);
  await page.goto(address.startsWith('http') ? address : portal.url + address);
  return page;
};
const field = (page, name) => page.getByLabel(name, { exact: true });
const choose = async (page, type) => {
  await field(page, 'Type').selectOption(type);
  await page.waitForFunction((key) => document.querySelector('#f-type').value === key, type);
};
/** What OpenSSH says of the server's key. */
const operatorSays = () => {
  const told = spawnSync('ssh-keygen', ['-l', '-f', join(TEST_SFTP_KEYS, 'host_ed25519.pub')], { encoding: 'utf8' });
  return told.stdout.split(' ')[1];
};

async function describeServer(page) {
  await page.goto(`${portal.url}/endpoints/new?type=sftp`);
  await field(page, 'Name').fill('Exchange');
  await field(page, 'Host').fill(TEST_SFTP_HOST);
  await page.getByLabel(/^Port/).fill(TEST_SFTP_PORT);
  await field(page, 'User name').fill(TEST_SFTP_USER);
  await page.getByRole('textbox', { name: 'Password' }).fill(TEST_SFTP_PASSWORD);
  await page.getByLabel(/^Folder/).fill('in/browser');
}

/** Has a use case send its files of a kind to an end point, hands one in and waits for its delivery. */
async function deliver(page, endpoint, { list, kind, sample }) {
  const useCase = `Files of ${kind}s`;
  await addUseCase(page, portal, useCase);
  await page.goto(`${endpoint}?tab=${list}`);
  await page.getByRole('checkbox', { name: useCase }).check();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await toldThat(page, 'Use cases saved');
  const conversation = await api.post('/conversations', { use_case: useCase });
  const media = await api.postForm(`/conversations/${conversation.id}/media`, sample, { kind });
  return until('it is delivered', 20, async () => {
    const { items } = await people.get(`/deliveries?media=${media.id}`);
    return items[0]?.state === 'delivered' && items[0];
  });
}

export async function anSftpServerIsKnownByTheKeyThatAPersonCompared() {
  const page = await visit('/');
  await describeServer(page);
  await page.getByRole('button', { name: 'Fetch' }).click();
  const compared = page.getByRole('switch', { name: /I have compared it/ });
  await compared.waitFor();
  assert.equal(await field(page, 'Fingerprint of the host key').inputValue(), operatorSays());
  assert.equal(await field(page, 'User name').inputValue(), TEST_SFTP_USER, 'what was typed stays');
  await axe(page);
  await screenshot(page, 'new end point sftp fetched');

  const retype = () => page.getByRole('textbox', { name: 'Password' }).fill(TEST_SFTP_PASSWORD);
  await retype();
  await page.locator('footer').getByRole('button', { name: 'Test and save' }).click();
  await page.getByText("Compare the fingerprint with what the server's operator told you").first().waitFor();
  await axe(page);
  await retype();
  await compared.check();
  const exchange = await testAndSave(page);
  await page.getByRole('heading', { name: 'Exchange Healthy' }).waitFor();
  await axe(page);

  const delivery = await deliver(page, exchange, { list: 'recordings', kind: 'recording', sample: samples.call });
  const stored = readFileSync(join(TEST_SFTP_HOME, delivery.location.path));
  assert.equal(sha256(stored), sha256(samples.call.bytes));
  await page.goto(`${portal.url}/deliveries/${delivery.id}`);
  await page.getByText(`sftp://${TEST_SFTP_HOST}/in/browser/`).waitFor();
}

export async function anotherKeyIsNotAccepted() {
  const page = await visit('/');
  await describeServer(page);
  await field(page, 'Name').fill('Impostor');
  await field(page, 'Fingerprint of the host key').fill(operatorSays().replace(/.$/, (last) => (last === 'A' ? 'E' : 'A')));
  await page.locator('footer').getByRole('button', { name: 'Test and save' }).click();
  const test = page.getByRole('region', { name: 'Connection test' });
  await test.getByText('Nothing was saved').waitFor();
  await test.getByText(/rejected: the server shows the ED25519 host key/).waitFor();
  await screenshot(page, 'new end point sftp impostor');
}

export async function aReceiverTakesPicturesAndSaysSo() {
  const page = await visit('/endpoints/new');
  await choose(page, 'https');
  await field(page, 'URL').waitFor();
  await page.getByRole('tab', { name: 'Recording Files' }).click();
  await page.getByText('This type accepts pictures only.').waitFor();
  await page.getByRole('tab', { name: 'General' }).click();
  await page.getByText('Saving posts a picture of one pixel to it').waitFor();
  await field(page, 'Name').fill('Claims hub');
  await field(page, 'URL').fill(`${process.env.TEST_SINK_HTTPS}/post/browser?key=swordfish9`);
  await page.getByLabel(/^Headers/).fill('Content-Length: 7');
  await page.locator('footer').getByRole('button', { name: 'Test and save' }).click();
  await page.getByText('1 field needs attention').waitFor();
  await axe(page);
  await page.getByLabel(/^Headers/).fill('Authorization: Bearer hunter2hunter2');
  const hub = await testAndSave(page);
  await page.getByRole('heading', { name: 'Claims hub Healthy' }).waitFor();
  assert.doesNotMatch(await page.content(), /swordfish9|hunter2hunter2/, 'secrets never come back');

  const delivery = await deliver(page, hub, { list: 'pictures', kind: 'picture', sample: samples.photo });
  const { attempt_log } = await people.get(`/deliveries/${delivery.id}`);
  assert.match(attempt_log[0].message, /^Verified by/);
  await page.goto(`${hub}/edit`);
  await page.getByRole('switch', { name: 'Forget the stored headers' }).waitFor();
  await axe(page);
  await fitsWidth(page);
  await screenshot(page, 'change https');
}

export async function aMailShowsHowItWillRead() {
  const page = await visit('/endpoints/new');
  await choose(page, 'email');
  await field(page, 'Name').fill('Claims desk');
  await field(page, 'Recipients').fill('claims@example.com');
  const preview = page.locator('#mail-preview');
  await preview.getByText('New picture: roof.jpg').waitFor();
  await page.getByLabel(/^Subject/).fill('Roof for {use_case}');
  await page.getByLabel(/^Text \(/).fill('It has {size}.');
  await preview.getByText('Roof for Claims').waitFor();
  assert.equal(await field(page, 'Recipients').inputValue(), 'claims@example.com');
  await page.getByLabel(/^Subject/).fill('Roof for {nobody}');
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.locator('#f-subject_template-problem').getByText('There is no {nobody}').waitFor();
  await axe(page);
  await page.getByLabel(/^Subject/).fill('Roof');
  await page.locator('footer').getByRole('button', { name: 'Test and save' }).click();
  await page.getByText('This installation has no mail server').first().waitFor();
  await axe(page);
  await fitsWidth(page);
  await screenshot(page, 'new end point email');
}

export async function aContainerIsReachedByASignatureWhoseEndIsShown() {
  const page = await visit('/endpoints/new?type=azure');
  await field(page, 'Name').fill('Clinic files');
  await field(page, 'Storage account name').fill('clinicfiles');
  await field(page, 'Container name').fill('pictures');
  await page.getByText('Shared access signature instead of a key').click();
  await page.getByRole('textbox', { name: 'Shared access signature' }).fill('sv=2024-11-04&sr=c&sp=r&sig=hunter2hunter2');
  await page.locator('footer').getByRole('button', { name: 'Test and save' }).click();
  await page.getByText('This signature does not allow writing').first().waitFor();
  await axe(page);
  await fitsWidth(page);
  await screenshot(page, 'new end point azure refused');
  assert.doesNotMatch(await page.content(), /hunter2/);
}
