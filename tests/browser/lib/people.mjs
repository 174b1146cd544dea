// What people do in the portal, as they do it: by what they see.

import { openPage, visitorOf } from './browser.mjs';
import { s3 } from './s3.mjs';

/** The first administrator of every installation that these checks start. */
export const dana = {
  name: 'Dana Lee',
  email: 'dana@example.com',
  password: 'correct horse battery staple',
};

/** Uses up the one-time link; ends on the dashboard, signed in. */
export async function setUp(page, portal) {
  await page.goto(await portal.setupUrl());
  await page.getByLabel('Your name').fill(dana.name);
  await page.getByLabel('E-mail address').fill(dana.email);
  await page.getByLabel('Password', { exact: true }).fill(dana.password);
  await page.getByRole('button', { name: 'Create administrator' }).click();
  await page.waitForURL(`${portal.url}/`);
}

/** Sets a new installation up and gives its administrator, for `openPage({ like })`. */
export async function firstAdministrator(portal) {
  const page = await openPage();
  await setUp(page, portal);
  return visitorOf(page);
}

/** Fills the form at /login and sends it. */
export async function signIn(page, { email, password } = dana) {
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Fills the form of Add End Point for a bucket of the S3 peer. */
export async function describeBucket(page, { name, bucket, secret = s3.secretKey, server = s3.endpoint, prefix }) {
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Bucket', { exact: true }).fill(bucket);
  await page.getByLabel('Region').fill(s3.region);
  await page.getByLabel('Access key ID').fill(s3.accessKey);
  await page.getByLabel('Secret access key', { exact: true }).fill(secret);
  if (prefix) await page.getByLabel('Path prefix').fill(prefix);
  await page.getByText('Other servers, storage class, encryption').click();
  await page.getByLabel('Server address').fill(server);
  await page.getByRole('switch', { name: 'Bucket in the path' }).check();
}

/** Fills the form of Add End Point for a folder. */
export async function describeFolder(page, { name, directory }) {
  await page.getByLabel('Type', { exact: true }).selectOption('folder');
  await page.getByLabel('Folder', { exact: true }).fill(directory);
  await page.getByLabel('Name', { exact: true }).fill(name);
}

/** Tests what was described and saves it; ends on the new end point's page, whose address it gives. */
export async function testAndSave(page) {
  await page.locator('footer').getByRole('button', { name: 'Test and save' }).click();
  await page.waitForURL(/\/endpoints\/[0-9a-f-]{36}/);
  return page.url().replace(/\?.*/, '');
}

/** Waits until the portal says `words`, in the corner or, without script, above the page. */
export function toldThat(page, words) {
  return page.locator('#toasts, #flash').getByText(words).filter({ visible: true }).waitFor();
}

/** Adds a use case; ends on its page, whose address it gives. */
export async function addUseCase(page, portal, name) {
  await page.goto(`${portal.url}/use-cases`);
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('button', { name: 'Add use case' }).click();
  await page.waitForURL(/\/use-cases\/[0-9a-f-]{36}/);
  return page.url().replace(/\?.*/, '');
}
