// An end point from its first test to its removal, as an administrator lives through it.

import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Api } from './lib/api.mjs';
import { allowProblem, axe, openPage, screenshot } from './lib/browser.mjs';
import { addUseCase, describeFolder, firstAdministrator, testAndSave, toldThat } from './lib/people.mjs';
import { startPortal } from './lib/portal.mjs';
import * as samples from './lib/samples.mjs';
import { until } from './lib/wait.mjs';

const portal = await startPortal();
const admin = await firstAdministrator(portal);
const folder = join(portal.dataDir, 'data/folders/archive');

let archive; // address of the end point
let api;
let conversation;

const visit = async (address, options = {}) => {
  const page = await openPage({ like: admin, ...options });
  await page.goto(address.startsWith('http') ? address : portal.url + address);
  return page;
};
const stateOf = (page) => page.locator('h1 .pill').innerText();
const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

export async function itIsAddedAndUsed() {
  const page = await visit('/endpoints/new');
  await describeFolder(page, { name: 'Archive', directory: 'archive' });
  archive = await testAndSave(page);
  await addUseCase(page, portal, 'Claims intake');
  await page.goto(`${archive}?tab=recordings`);
  await page.getByRole('checkbox', { name: 'Claims intake' }).check();
  await press(page, 'Save');
  await toldThat(page, 'Use cases saved');
  portal.command(['app', 'add', 'telephony']);
  api = new Api(portal, portal.command(['key', 'add', '--app', 'telephony']));
  conversation = await api.post('/conversations', { use_case: 'Claims intake' });
}

export async function aTestShowsEachStepAsItEnds() {
  const page = await visit(archive);
  await press(page, 'Test now');
  const card = page.getByRole('region', { name: 'Connection test' });
  await card.getByText('Passed', { exact: true }).waitFor();
  assert.equal(await card.locator('#test-steps li').count(), 7);
  await card.getByText('Deliveries work in just this way').waitFor();
  await axe(page);
  await screenshot(page, 'end point tested');
}

export async function aPauseKeepsFilesAndResumingDeliversThem() {
  const page = await visit(archive);
  await press(page, 'Pause');
  await toldThat(page, 'End point paused');
  assert.equal(await stateOf(page), 'Paused');
  await api.postForm(`/conversations/${conversation.id}/media`, samples.call, { kind: 'recording' });
  await page.goto(archive);
  await page.getByText('1 file waits').waitFor();
  await axe(page);
  await screenshot(page, 'end point paused');
  await press(page, 'Resume');
  await toldThat(page, 'End point resumed');
  await until('the file has arrived', 10, async () => {
    await page.goto(`${archive}?tab=deliveries`);
    return (await page.locator('.table .pill').first().innerText()) === 'Delivered';
  });
}

export async function aFailureIsRepairedAndItsFilesGoOn() {
  renameSync(folder, `${folder}-moved`);
  writeFileSync(folder, '');
  await api.postForm(`/conversations/${conversation.id}/media`, samples.call, { kind: 'recording' });
  const page = await visit(archive);
  await until('the end point fails', 10, async () => {
    await page.goto(archive);
    return (await stateOf(page)) === 'Failing';
  });
  await page.getByText('Deliveries fail.').waitFor();
  await press(page, 'Test now');
  const card = page.getByRole('region', { name: 'Connection test' });
  await card.getByText('Failed', { exact: true }).waitFor();
  await card.getByRole('link', { name: 'Change settings' }).waitFor();
  await axe(page);
  await screenshot(page, 'end point test fails');
  rmSync(folder);
  await press(page, 'Test now');
  await card.getByText('Passed', { exact: true }).waitFor();
  await until('the file has arrived', 10, async () => {
    await page.goto(archive);
    return (await stateOf(page)) === 'Healthy';
  });
}

export async function aChangeIsTestedBeforeItIsSaved() {
  const page = await visit(archive);
  await page.getByRole('link', { name: 'Change', exact: true }).click();
  await page.getByRole('heading', { name: 'Change end point' }).waitFor();
  assert.equal(await page.getByLabel('Folder', { exact: true }).inputValue(), 'archive');
  await page.getByLabel('Name', { exact: true }).fill('Cellar');
  await testAndSave(page);
  await page.getByRole('heading', { name: /Cellar/ }).waitFor();
}

export async function twoPeopleWhoChangeAtOnceLearnOfEachOther() {
  const [one, other] = [await visit(`${archive}/edit`), await visit(`${archive}/edit`)];
  allowProblem(other, /status of 422/);
  await one.getByLabel('Name', { exact: true }).fill('Archive');
  await testAndSave(one);
  await other.getByLabel('Name', { exact: true }).fill('Attic');
  await other.locator('footer').getByRole('button', { name: 'Test and save' }).click();
  await other.getByText('Somebody else has changed this endpoint meanwhile').first().waitFor();
  assert.equal(await other.getByLabel('Name', { exact: true }).inputValue(), 'Attic', 'what was typed is still there');
}

export async function aCopyGoesAndComesBack() {
  const page = await visit(archive);
  await page.getByRole('link', { name: 'Copy', exact: true }).click();
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Archive copy');
  await page.getByLabel('Folder', { exact: true }).fill('copy');
  // the copy is used by the same use cases; this one shall not be
  await page.getByRole('tab', { name: 'Recording Files' }).click();
  await page.getByRole('checkbox', { name: 'Claims intake' }).uncheck();
  await testAndSave(page);
  await page.goto(`${portal.url}/endpoints`);
  await press(page, 'Actions for Archive copy');
  await axe(page);
  await screenshot(page, 'endpoints menu');
  await page.locator('.menu:popover-open').getByRole('button', { name: 'Remove' }).click();
  await toldThat(page, 'Archive copy was removed');
  await page.getByRole('link', { name: 'Archive copy', exact: true }).waitFor({ state: 'detached' });
  await page.locator('#toasts').getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('link', { name: 'Archive copy', exact: true }).waitFor();
}

export async function whatBreaksIsNamedBeforeAnEndPointGoes() {
  const page = await visit('/endpoints');
  allowProblem(page, /status of 422/);
  await press(page, 'Actions for Archive');
  await page.locator('.menu:popover-open').getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('heading', { name: 'Remove end point' }).waitFor();
  await page.getByText('Claims intake').waitFor();
  await press(page, 'Remove Archive');
  await page.getByRole('link', { name: 'Confirm that these use cases send nothing there any more' }).waitFor();
  await axe(page);
  await screenshot(page, 'end point remove refused');
  await page.getByRole('checkbox', { name: /They send nothing there any more/ }).check();
  await press(page, 'Remove Archive');
  await toldThat(page, 'Archive was removed');
  assert.equal(await page.getByRole('link', { name: 'Archive', exact: true }).count(), 0);
}

export async function theListIsFilteredSortedAndKeptInItsAddress() {
  const page = await visit('/endpoints');
  await page.getByLabel('Status').selectOption('unused');
  await page.waitForURL(/status=unused/);
  assert.equal(await page.locator('#results tbody tr').count(), 1);
  await page.getByLabel('Status').selectOption('failing');
  await page.getByText('No endpoint matches').waitFor();
  await page.goBack();
  await page.getByRole('link', { name: 'Archive copy', exact: true }).waitFor();
  await page.goto(`${portal.url}/endpoints`);
  await page.getByRole('link', { name: 'Files, 24 h' }).click();
  await page.waitForURL(/sort=files/);
  assert.equal(await page.locator('th[aria-sort]').innerText(), 'Files, 24 h');
}

export async function allOfItWorksWithoutScript() {
  const page = await visit('/endpoints', { javaScript: false });
  await page.getByRole('link', { name: 'Archive copy', exact: true }).click();
  await press(page, 'Pause');
  await toldThat(page, 'End point paused');
  await press(page, 'Resume');
  await press(page, 'Test now');
  await page.locator('#test-state').getByText('Passed').waitFor();
  await page.getByRole('link', { name: 'Remove', exact: true }).click();
  await press(page, 'Remove Archive copy');
  await toldThat(page, 'Archive copy was removed');
  await press(page, 'Bring the removed end point back');
  await page.getByRole('heading', { name: /Archive copy/ }).waitFor();
}
