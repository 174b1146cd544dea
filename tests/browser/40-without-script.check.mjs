// The same work in a browser that runs no script: every answer is a whole page.

import assert from 'node:assert/strict';
import { allowProblem, openPage } from './lib/browser.mjs';
import {
  addUseCase,
  dana,
  describeBucket,
  describeFolder,
  firstAdministrator,
  signIn,
  testAndSave,
  toldThat,
} from './lib/people.mjs';
import { startPortal } from './lib/portal.mjs';
import { createBucket } from './lib/s3.mjs';

const portal = await startPortal();
const admin = await firstAdministrator(portal);

let share; // address of the end point

const visit = async (path) => {
  const page = await openPage({ javaScript: false, like: admin });
  allowProblem(page, /status of 422/); // the browser logs that something was refused
  await page.goto(portal.url + path);
  return page;
};
const send = (page) => page.locator('footer').getByRole('button', { name: 'Test and save' }).click();
const isWholePage = (page) => page.getByRole('navigation', { name: 'Main' }).waitFor();

export async function signingInShowsWhatIsWrongAndGoesOn() {
  const page = await openPage({ javaScript: false });
  allowProblem(page, /status of 422/);
  await page.goto(`${portal.url}/endpoints`);
  await signIn(page, { ...dana, password: 'wrong' });
  await page.getByText('1 field needs attention').waitFor();
  assert.equal(await page.getByLabel('E-mail address').inputValue(), dana.email);
  await signIn(page);
  await page.waitForURL(`${portal.url}/endpoints`);
}

export async function aButtonSwitchesTheTypeAndKeepsTheName() {
  const page = await visit('/endpoints/new');
  await page.getByLabel('Name', { exact: true }).fill('Office share');
  await page.getByLabel('Type', { exact: true }).selectOption('folder');
  await page.getByRole('button', { name: 'Show fields for this type' }).click();
  await page.getByLabel('Folder', { exact: true }).waitFor();
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Office share');
  await isWholePage(page);
}

export async function problemsComeAsAWholePage() {
  const page = await visit('/endpoints/new');
  await send(page);
  await isWholePage(page);
  await page.getByText('5 fields need attention').waitFor();
  await page.getByRole('link', { name: 'Enter the region' }).click();
  assert.match(page.url(), /#f-region$/);
}

export async function aFailedTestComesAsAWholePage() {
  const page = await visit('/endpoints/new');
  await describeBucket(page, { name: 'Claims archive', bucket: await createBucket(), secret: 'wrong' });
  await send(page);
  await isWholePage(page);
  const test = page.getByRole('region', { name: 'Connection test' });
  await test.getByText('Failed', { exact: true }).waitFor();
  await test.getByText('secret access key belongs to the access key ID').waitFor();
  assert.equal(await test.getByRole('listitem').count(), 7);
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Claims archive');
  const secret = page.getByLabel('Secret access key', { exact: true });
  assert.equal(await secret.inputValue(), '', 'a secret never comes back');
  await page.goto(`${portal.url}/endpoints`);
  await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
}

export async function aPassedTestLeadsToTheNewEndPoint() {
  const page = await visit('/endpoints/new?type=folder');
  await describeFolder(page, { name: 'Office share', directory: 'claims' });
  share = await testAndSave(page);
  await toldThat(page, 'End point added. Its test has passed.');
  await page.getByRole('button', { name: 'Send a test picture' }).click();
  await page.getByRole('region', { name: 'Test picture' }).getByText('Passed', { exact: true }).waitFor();
}

export async function useCasesAreTickedFromBothSides() {
  const page = await visit('/use-cases');
  const claims = await addUseCase(page, portal, 'Claims intake');
  const pictures = page.getByRole('region', { name: 'Save Picture Configuration' });
  await pictures.getByRole('checkbox', { name: 'Office share' }).check();
  await page.getByRole('button', { name: 'Save' }).click();
  await toldThat(page, 'Use case saved');

  await page.goto(`${share}?tab=pictures`);
  const box = page.getByRole('checkbox', { name: 'Claims intake' });
  assert.equal(await box.isChecked(), true);
  await box.uncheck();
  await page.getByRole('button', { name: 'Save' }).click();
  await toldThat(page, 'Use cases saved');
  await page.goto(claims);
  assert.equal(await pictures.getByRole('checkbox', { name: 'Office share' }).isChecked(), false);
}

export async function listsAreNarrowedByTheirAddress() {
  const page = await visit('/deliveries');
  await page.getByRole('link', { name: 'Needs attention' }).click();
  await page.waitForURL(`${portal.url}/deliveries?state=held`);
  await page.getByRole('heading', { name: 'No delivery matches' }).waitFor();

  await page.goto(`${portal.url}/endpoints`);
  await page.getByLabel('Search endpoints').fill('nothing');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByRole('heading', { name: 'No endpoint matches' }).waitFor();
  await page.getByRole('link', { name: 'Clear filters' }).click();
  await page.getByRole('link', { name: 'Office share' }).waitFor();
}

export async function themeAndSignOutNeedNoScript() {
  const page = await visit('/endpoints');
  await page.getByRole('button', { name: 'Dark theme' }).click();
  await page.waitForURL(`${portal.url}/endpoints`);
  await page.waitForSelector('html[data-theme=dark]');
  const search = page.getByRole('button', { name: 'Search' });
  assert.equal(await search.isVisible(), false, 'it needs script, so it is not shown');
  await page.getByRole('button', { name: dana.email }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(`${portal.url}/login`);
}
