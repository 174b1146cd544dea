// Every page and state: nothing for axe to find in either theme, no error, nothing wider than a small phone.
// Leaves a picture of each in both themes and at the width of a phone.

import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Api } from './lib/api.mjs';
import { allowProblem, axe, fitsWidth, openPage, screenshot } from './lib/browser.mjs';
import { dana, describeBucket, firstAdministrator, signIn } from './lib/people.mjs';
import { startPortal } from './lib/portal.mjs';
import { createBucket, s3 } from './lib/s3.mjs';
import * as samples from './lib/samples.mjs';
import { until } from './lib/wait.mjs';

const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };
const SMALL_PHONE = { width: 320, height: 640 };
const REFUSED = /status of (403|404|422)/; // the browser logs what the check asks for

const portal = await startPortal();
const admin = await firstAdministrator(portal);

/** Looks at the page as it is now: both themes, then narrow. */
async function inspect(page, name) {
  await page.evaluate(() => scrollTo(0, 0)); // so that what sticks to the window is at its place in the picture
  for (const theme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: theme });
    await page.evaluate(settled);
    await axe(page);
    await screenshot(page, `${name} ${theme}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(SMALL_PHONE);
  await fitsWidth(page);
  await page.setViewportSize(PHONE);
  await fitsWidth(page);
  await screenshot(page, `${name} phone`);
  await page.setViewportSize(DESKTOP);
}

/** In the page: waits until colours have changed. */
async function settled() {
  await new Promise(requestAnimationFrame);
  const transitions = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
  await Promise.allSettled(transitions.map((transition) => transition.finished));
}

/** Goes to each path as `visitor` and looks at it. */
async function inspectAll(visitor, paths) {
  const page = await openPage({ like: visitor });
  allowProblem(page, REFUSED);
  for (const [name, path] of Object.entries(paths)) {
    await page.goto(portal.url + path);
    await inspect(page, name);
  }
  return page;
}

export async function pagesForStrangers() {
  const invitation = portal.command(['user', 'add', 'invited@example.com', '--role', 'agent']);
  const page = await inspectAll(undefined, {
    login: '/login',
    invitation: new URL(invitation).pathname,
    'page that does not exist, signed out': '/setup/wrong',
  });
  await page.goto(`${portal.url}/login`);
  await signIn(page, { email: 'nobody@example.com', password: 'wrong' });
  await page.getByText('1 field needs attention').waitFor();
  await inspect(page, 'login refused');

  const unused = await startPortal();
  await page.goto(await unused.setupUrl());
  await inspect(page, 'setup');
  await page.getByRole('button', { name: 'Create administrator' }).click();
  await page.getByText('3 fields need attention').waitFor();
  await inspect(page, 'setup refused');
}

export async function pagesBeforeAnythingIsAdded() {
  await inspectAll(admin, {
    'home empty': '/',
    'endpoints empty': '/endpoints',
    'use cases empty': '/use-cases',
    'deliveries empty': '/deliveries',
    'deliveries empty filtered': '/deliveries?state=held',
    'new end point s3': '/endpoints/new?type=s3',
    'new end point sftp': '/endpoints/new?type=sftp',
    'new end point azure': '/endpoints/new?type=azure',
    'new end point email': '/endpoints/new?type=email',
    'new end point https': '/endpoints/new?type=https',
    'new end point google drive': '/endpoints/new?type=gdrive',
    'new end point folder': '/endpoints/new?type=folder',
    'new end point pictures': '/endpoints/new#pictures',
    'page that does not exist': '/nothing-here',
  });
}

export async function addEndPointWithProblems() {
  const page = await openPage({ like: admin });
  allowProblem(page, REFUSED);
  await page.goto(`${portal.url}/endpoints/new`);
  await page.getByRole('button', { name: 'Test and save' }).click();
  await page.getByText('5 fields need attention').waitFor();
  await inspect(page, 'new end point refused');

  await page.goto(`${portal.url}/endpoints/new`);
  await describeBucket(page, { name: 'Claims archive', bucket: await createBucket(), secret: 'wrong' });
  await page.getByRole('button', { name: 'Test and save' }).click();
  await page.getByText('Nothing was saved').waitFor();
  await inspect(page, 'new end point test failed');
}

export async function pagesOfAnInstallationAtWork() {
  const { archive, broken, delivered, retrying, claims } = await bring();
  const page = await inspectAll(admin, {
    home: '/',
    endpoints: '/endpoints',
    'endpoints filtered': '/endpoints?q=share&type=folder',
    'endpoints without a match': '/endpoints?q=nothing',
    'end point': `/endpoints/${archive.id}`,
    'end point pictures': `/endpoints/${archive.id}?tab=pictures`,
    'end point recordings': `/endpoints/${archive.id}?tab=recordings`,
    'end point deliveries': `/endpoints/${archive.id}?tab=deliveries`,
    'end point failing': `/endpoints/${broken.id}`,
    'end point change': `/endpoints/${archive.id}/edit`,
    'end point copy': `/endpoints/new?copy=${archive.id}`,
    'end point remove': `/endpoints/${broken.id}/delete`,
    'home of a month': '/?range=30d',
    'endpoints failing by files': '/endpoints?status=failing&sort=files',
    'use cases': '/use-cases',
    'use case': `/use-cases/${claims.id}`,
    deliveries: '/deliveries',
    'deliveries retrying': '/deliveries?state=retrying',
    'deliveries without a match': '/deliveries?q=nothing',
    'delivery delivered': `/deliveries/${delivered.id}`,
    'delivery retrying': `/deliveries/${retrying.id}`,
    'new end point with use cases': '/endpoints/new?type=folder#recordings',
  });

  await page.goto(`${portal.url}/endpoints/${archive.id}`);
  await page.getByRole('button', { name: 'Send a test picture' }).click();
  await page.getByRole('region', { name: 'Test picture' }).getByText('Passed', { exact: true }).waitFor();
  await inspect(page, 'end point test picture');

  await page.goto(`${portal.url}/use-cases`);
  await page.getByLabel('Name', { exact: true }).fill('Claims intake');
  await page.getByRole('button', { name: 'Add use case' }).click();
  await page.getByText('1 field needs attention').waitFor();
  await inspect(page, 'use case refused');
}

export async function menusAndPalette() {
  const page = await openPage({ like: admin });
  await page.goto(portal.url);
  await page.keyboard.press('Control+k');
  await page.getByRole('option', { name: 'Media endpoints' }).waitFor();
  await inspect(page, 'palette');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: dana.email }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  await inspect(page, 'user menu');
  await page.keyboard.press('Escape');

  const phone = await openPage({ like: admin, viewport: 'phone' });
  await phone.goto(portal.url);
  await phone.getByRole('button', { name: 'Menu' }).click();
  await phone.getByRole('link', { name: 'Deliveries', exact: true }).waitFor();
  await axe(phone);
  await screenshot(phone, 'menu phone');
}

export async function pagesOfOtherRoles() {
  const password = 'another long pass phrase';
  for (const role of ['builder', 'agent', 'auditor']) {
    portal.command(['user', 'add', `${role}@example.com`, '--role', role], password);
    const page = await openPage();
    await page.goto(`${portal.url}/login`);
    await signIn(page, { email: `${role}@example.com`, password });
    await page.waitForURL(`${portal.url}/`);
    await inspectAll(page, { [`home of ${role}`]: '/', [`forbidden for ${role}`]: '/endpoints/new' });
    if (role !== 'auditor') continue;
    const lists = { 'endpoints of auditor': '/endpoints', 'use cases of auditor': '/use-cases' };
    const auditor = await inspectAll(page, lists);
    await auditor.getByRole('link', { name: 'Claims intake' }).click();
    await auditor.getByRole('heading', { name: 'Claims intake' }).waitFor();
    assert.equal(await auditor.getByRole('checkbox', { disabled: false }).count(), 0, 'an auditor changes nothing');
    assert.equal(await auditor.getByRole('link', { name: 'Add End Point' }).count(), 0);
    await inspect(auditor, 'use case of auditor');
  }
}

/** Two end points that work, one that broke, a use case, and files on their way to all of them. */
async function bring() {
  const people = new Api(portal, portal.command(['token', 'add', '--user', dana.email]));
  const archive = await people.post('/endpoints', {
    name: 'Claims archive',
    type: 's3',
    bucket: await createBucket(),
    region: s3.region,
    access_key_id: s3.accessKey,
    secret_access_key: s3.secretKey,
    endpoint_url: s3.endpoint,
    path_style: true,
    prefix: 'recordings/emea',
  });
  const share = await people.post('/endpoints', { name: 'Office share', type: 'folder', directory: 'claims' });
  const broken = await people.post('/endpoints', { name: 'Old share', type: 'folder', directory: 'old' });
  await people.post('/endpoints', { name: 'Spare share', type: 'folder', directory: 'spare' });
  const claims = await people.post('/use-cases', {
    name: 'Claims intake',
    pictures: [archive.id, share.id],
    recordings: [archive.id, broken.id],
  });
  await people.post('/use-cases', { name: 'Roadside assistance', pictures: [share.id], recordings: [] });
  breakFolder(join(portal.dataDir, 'data/folders/old'));

  portal.command(['app', 'add', 'telephony']);
  const telephony = new Api(portal, portal.command(['key', 'add', '--app', 'telephony']));
  const conversation = await telephony.post('/conversations', { use_case: 'Claims intake' });
  const media = `/conversations/${conversation.id}/media`;
  await telephony.postForm(media, samples.photo, { kind: 'picture' });
  await telephony.postForm(media, samples.picture, { kind: 'picture' });
  await telephony.postForm(media, samples.call, { kind: 'recording' });
  const inState = async (state) => (await people.get(`/deliveries?state=${state}`)).items;
  const delivered = await until('five deliveries are done', 15, async () => {
    const items = await inState('delivered');
    return items.length === 5 && items[0];
  });
  const retrying = await until('one is tried again', 15, async () => (await inState('retrying'))[0]);
  return { archive, broken, claims, delivered, retrying };
}

/** Puts a file where a folder was, as a share that is gone would look. */
function breakFolder(path) {
  renameSync(path, `${path}-moved`);
  writeFileSync(path, '');
}
