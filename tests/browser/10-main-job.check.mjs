// The main job, from the first start to files that lie at their destinations, bit for bit.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Api } from './lib/api.mjs';
import { openPage, visitorOf } from './lib/browser.mjs';
import {
  addUseCase,
  dana,
  describeBucket,
  describeFolder,
  setUp,
  signIn,
  testAndSave,
  toldThat,
} from './lib/people.mjs';
import { startPortal } from './lib/portal.mjs';
import { createBucket, listKeys, readObject, s3 } from './lib/s3.mjs';
import * as samples from './lib/samples.mjs';
import { until } from './lib/wait.mjs';

const DELIVERY_SECONDS = 10;
const SLOW_MS = 150; // to every packet of the slowed store, so that a test can be watched

const portal = await startPortal();
const bucket = await createBucket();
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

let admin; // who is signed in
let archive; // address of the S3 end point
let share; // address of the Folder end point
let claims; // address of the use case
let api;
let conversation;
const handedIn = {}; // the API's answers, by kind

const visit = async (address) => {
  const page = await openPage({ like: admin });
  await page.goto(address.startsWith('http') ? address : portal.url + address);
  return page;
};

/** Has the store's slow door wait before every packet; without milliseconds it is honest again. */
async function slowStore(milliseconds) {
  const body = JSON.stringify(milliseconds ? { latency_ms: milliseconds } : {});
  await fetch(process.env.TEST_FAULT_CTL, { method: 'PUT', body });
}

export async function theOneTimeLinkMakesTheFirstAdministrator() {
  const page = await openPage();
  await setUp(page, portal);
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
  await page.getByText(dana.email).waitFor();
  const again = await fetch(await portal.setupUrl());
  assert.equal(again.status, 404, 'the link works once');
  admin = await visitorOf(page);
}

export async function peopleSignOutAndInAgain() {
  const page = await visit('/endpoints');
  await page.getByRole('button', { name: dana.email }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(`${portal.url}/login`);
  await page.goto(`${portal.url}/endpoints?type=s3`);
  await page.waitForURL(/\/login\?next=/);
  await signIn(page);
  await page.waitForURL(`${portal.url}/endpoints?type=s3`);
  admin = await visitorOf(page);
}

export async function aWrongSecretIsNamedAndSavesNothing() {
  const page = await visit('/endpoints/new');
  const wrong = `${s3.secretKey.slice(0, -1)}x`;
  const typed = { name: 'Claims archive', bucket, secret: wrong, server: process.env.TEST_S3_FAULT_ENDPOINT };
  await describeBucket(page, typed);
  await slowStore(SLOW_MS);
  await page.getByRole('button', { name: 'Test and save' }).click();

  const test = page.getByRole('region', { name: 'Connection test' });
  const step = (words) => test.getByRole('listitem').filter({ hasText: words });
  await step('Connect').waitFor();
  await test.getByText('Running').waitFor();
  assert.equal(await step('Sign in').count(), 0, 'a step is shown when it has ended, not all at the end');
  await test.getByText('Failed', { exact: true }).waitFor();
  await slowStore(0);

  for (const passed of ['Resolve the name', 'Connect']) {
    assert.match(await step(passed).innerText(), /^Passed:.*\d ms$/s);
  }
  const cure = /^Failed:\s+Sign in.*secret access key belongs to the access key ID.*\d ms$/s;
  assert.match(await step('Sign in').innerText(), cure);
  assert.match(await step('Read it back').innerText(), /Not tried/);
  await test.getByText('Nothing was saved').waitFor();
  assert.equal(page.url(), `${portal.url}/endpoints/new`);

  const list = await visit('/endpoints');
  await list.getByRole('heading', { name: 'No endpoints yet' }).waitFor();

  const kept = (label) => page.getByRole('textbox', { name: label }).inputValue();
  assert.equal(await kept('Name'), typed.name);
  assert.equal(await page.getByLabel('Secret access key', { exact: true }).inputValue(), wrong);
  assert.equal(await kept('Server address'), typed.server);

  await page.getByLabel('Secret access key', { exact: true }).fill(s3.secretKey);
  await page.getByLabel('Server address').fill(s3.endpoint); // connections once slowed stay slow
  archive = await testAndSave(page);
  await page.getByRole('heading', { name: 'Claims archive Healthy' }).waitFor();
  await toldThat(page, 'End point added. Its test has passed.');
  assert.deepEqual(await listKeys(bucket), [], 'the test leaves nothing behind');
}

export async function aFolderIsAddedBesideIt() {
  const page = await visit('/endpoints/new');
  await describeFolder(page, { name: 'Office share', directory: 'claims' });
  share = await testAndSave(page);
  await page.goto(`${portal.url}/endpoints`);
  const rows = page.getByRole('table', { name: 'Media endpoints' }).getByRole('row');
  await rows.filter({ hasText: 'Office share' }).getByText('Healthy').waitFor();
  await rows.filter({ hasText: 'Claims archive' }).getByText(`s3://${bucket}`).waitFor();
}

export async function aTickOnTheEndPointShowsOnTheUseCase() {
  const page = await visit('/use-cases');
  claims = await addUseCase(page, portal, 'Claims intake');

  await page.goto(`${archive}?tab=pictures`);
  await page.getByRole('checkbox', { name: 'Claims intake' }).check();
  await page.getByRole('button', { name: 'Save' }).click();
  await toldThat(page, 'Use cases saved');

  await page.goto(claims);
  const card = (name) => page.getByRole('region', { name });
  const box = (list, endpoint) => card(list).getByRole('checkbox', { name: endpoint });
  assert.equal(await box('Save Picture Configuration', 'Claims archive').isChecked(), true);
  assert.equal(await box('Save Picture Configuration', 'Office share').isChecked(), false);
  assert.equal(await box('Recording Configuration', 'Claims archive').isChecked(), false);
}

export async function aTickOnTheUseCaseShowsOnTheEndPoint() {
  const page = await visit(claims);
  const recordings = page.getByRole('region', { name: 'Recording Configuration' });
  await recordings.getByRole('checkbox', { name: 'Claims archive' }).check();
  await recordings.getByRole('checkbox', { name: 'Office share' }).check();
  await page.getByRole('button', { name: 'Save' }).click();
  await toldThat(page, 'Use case saved');

  for (const endpoint of [archive, share]) {
    await page.goto(`${endpoint}?tab=recordings`);
    assert.equal(await page.getByRole('checkbox', { name: 'Claims intake' }).isChecked(), true);
  }
  await page.goto(`${share}?tab=pictures`);
  assert.equal(await page.getByRole('checkbox', { name: 'Claims intake' }).isChecked(), false);
}

export async function aTestPictureArrives() {
  const page = await visit(archive);
  await page.getByRole('button', { name: 'Send a test picture' }).click();
  const result = page.getByRole('region', { name: 'Test picture' });
  await result.getByText('Passed', { exact: true }).waitFor();
  const [key] = await listKeys(bucket);
  await result.getByText(key).waitFor();
  assert.equal((await readObject(bucket, key)).subarray(0, 3).toString('hex'), 'ffd8ff');
}

export async function filesHandedInOverHttpAreDelivered() {
  portal.command(['app', 'add', 'telephony']);
  api = new Api(portal, portal.command(['key', 'add', '--app', 'telephony']));
  conversation = await api.post('/conversations', { use_case: 'Claims intake', external_id: 'call 88213' });
  const media = `/conversations/${conversation.id}/media`;
  handedIn.picture = await api.postForm(media, samples.photo, { kind: 'picture' });
  handedIn.recording = await api.postFile(media, samples.call, { kind: 'recording', file_name: samples.call.name });

  assert.equal(handedIn.picture.sha256, sha256(samples.photo.bytes));
  assert.equal(handedIn.recording.sha256, sha256(samples.call.bytes));
  assert.deepEqual([handedIn.picture.deliveries.length, handedIn.recording.deliveries.length], [1, 2]);
  for (const { id } of Object.values(handedIn)) {
    await until('all is delivered', DELIVERY_SECONDS, async () => {
      const { deliveries } = await api.get(`/media/${id}`);
      return deliveries.every(({ state }) => state === 'delivered');
    });
  }
}

export async function deliveriesAreSeenWhereverPeopleLook() {
  const page = await visit('/deliveries');
  const rows = page.getByRole('table', { name: 'Deliveries' }).getByRole('row');
  const delivered = rows.filter({ hasText: 'Delivered' });
  assert.equal(await delivered.count(), 3);

  await page.goto(`${share}?tab=deliveries`);
  assert.equal(await delivered.count(), 1);
  await delivered.filter({ hasText: samples.call.name }).waitFor();

  await page.goto(`${archive}?tab=deliveries`);
  assert.equal(await delivered.count(), 2);
  await delivered.getByRole('link', { name: samples.photo.name }).click();
  await page.getByRole('heading', { name: `${samples.photo.name} Delivered` }).waitFor();
  const attempts = page.getByRole('region', { name: 'Attempts' });
  await attempts.getByText('Attempt 1: delivered').waitFor();
  const file = page.getByRole('region', { name: 'File' });
  await file.getByText(handedIn.picture.sha256).waitFor();
  await file.getByText('Claims intake').waitFor();
  await file.getByText(`${bucket}/`).waitFor();
}

export async function destinationsHoldTheSameBytes() {
  const token = portal.command(['token', 'add', '--user', dana.email]);
  const { items } = await new Api(portal, token).get('/deliveries');
  assert.equal(items.length, 3);
  for (const { media, location } of items) {
    const bytes = location.bucket
      ? await readObject(location.bucket, location.key)
      : readFileSync(join(portal.dataDir, 'data/folders', location.path));
    assert.equal(sha256(bytes), handedIn[media.kind].sha256, JSON.stringify(location));
  }
}
