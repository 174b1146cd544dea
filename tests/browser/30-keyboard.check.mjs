// The portal by keyboard alone, and what it says and keeps while one works.

import assert from 'node:assert/strict';
import { allowProblem, openPage } from './lib/browser.mjs';
import { addUseCase, dana, describeFolder, firstAdministrator, signIn, testAndSave, toldThat } from './lib/people.mjs';
import { startPortal } from './lib/portal.mjs';

const MOST_STOPS = 60;

const portal = await startPortal();
const admin = await firstAdministrator(portal);

const visit = async (path) => {
  const page = await openPage({ like: admin });
  await page.goto(portal.url + path);
  return page;
};

/** What has the focus: its words, and whether one sees that it has it. */
function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    return {
      id: element.id,
      words: element.ariaLabel ?? element.labels?.[0]?.innerText ?? element.innerText.trim(),
      isMarked: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1,
      isInView: box.bottom > 0 && box.top < innerHeight && box.width > 0,
    };
  });
}

/** Presses Tab (or `key`) until what has these words is reached; every stop on the way must be seen. */
async function tabTo(page, words, key = 'Tab') {
  for (let stop = 0; stop < MOST_STOPS; stop += 1) {
    await page.keyboard.press(key);
    const reached = await focused(page);
    assert.ok(reached.isMarked && reached.isInView, `the focus is not seen on "${reached.words}" (${reached.id})`);
    if (reached.words.startsWith(words)) return;
  }
  assert.fail(`"${words}" is not reached by ${key}`);
}

const focusOn = (page, selector) => page.waitForFunction((wanted) => document.activeElement.matches(wanted), selector);

export async function theSkipLinkLeadsToTheContent() {
  const page = await visit('/endpoints');
  await page.keyboard.press('Tab');
  const first = await focused(page);
  assert.equal(first.words, 'Skip to content');
  await page.waitForFunction(() => document.activeElement.getBoundingClientRect().top >= 0);
  await page.keyboard.press('Enter');
  await focusOn(page, '#main');
  await tabTo(page, 'Add End Point');
}

export async function anEndPointIsAddedByKeyboardAlone() {
  const page = await visit('/');
  allowProblem(page, /status of 422/);
  await page.keyboard.press('Control+k');
  await page.keyboard.type('add');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${portal.url}/endpoints/new`);

  await tabTo(page, 'Name');
  await tabTo(page, 'Type');
  await page.keyboard.type('Folder');
  await page.getByLabel('Folder', { exact: true }).waitFor();
  await focusOn(page, '#f-type');

  await tabTo(page, 'Test and save');
  await page.keyboard.press('Enter');
  await focusOn(page, '[data-summary]');
  await page.getByText('2 fields need attention').waitFor();

  await tabTo(page, 'General');
  await page.keyboard.press('ArrowRight');
  await page.getByRole('tabpanel', { name: 'Pictures during a Call' }).waitFor();
  await page.keyboard.press('End');
  await page.getByRole('tabpanel', { name: 'Recording Files' }).waitFor();
  assert.match(page.url(), /#recordings$/);

  await tabTo(page, 'Enter a folder', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await focusOn(page, '#f-directory');
  await page.getByRole('tabpanel', { name: 'General' }).waitFor();
  await page.keyboard.type('by/keyboard');
  await tabTo(page, 'Name', 'Shift+Tab');
  await page.keyboard.type('Office share');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/endpoints\/[0-9a-f-]{36}/);
}

export async function thePaletteFindsPagesAndGivesTheFocusBack() {
  const page = await visit('/endpoints');
  await tabTo(page, 'Add End Point');
  await page.keyboard.press('Control+k');
  const options = page.getByRole('listbox', { name: 'Results' }).getByRole('option');
  await page.keyboard.type('deliv');
  assert.deepEqual(await options.allInnerTexts(), ['Deliveries']);
  await page.keyboard.type('xyz');
  await page.getByText('Nothing found').waitFor();
  await page.keyboard.press('Escape');
  assert.equal((await focused(page)).words, 'Add End Point');

  await page.keyboard.press('Control+k');
  await page.keyboard.press('ArrowUp'); // from the first to the last
  await page.keyboard.press('Enter');
  await page.waitForURL(`${portal.url}/api/docs`);
}

export async function theThemeIsChosenAndKept() {
  const page = await visit('/endpoints');
  await tabTo(page, 'Dark theme');
  const kept = page.waitForResponse((answer) => answer.url().endsWith('/theme'));
  await page.keyboard.press('Enter');
  await page.waitForSelector('html[data-theme=dark]');
  await kept;
  await page.reload();
  await page.waitForSelector('html[data-theme=dark]');
  assert.equal(await page.getByRole('button', { name: 'Dark theme' }).getAttribute('aria-pressed'), 'true');
}

export async function theUserMenuOpensAndCloses() {
  const page = await visit('/');
  await tabTo(page, dana.email);
  await page.keyboard.press('Enter');
  await page.getByText(dana.name).waitFor();
  await tabTo(page, 'Sign out');
  await page.keyboard.press('Escape');
  await page.getByText(dana.name).waitFor({ state: 'hidden' });
  assert.equal((await focused(page)).words, dana.email);
}

export async function whatWasDoneIsSaidAndDismissed() {
  const page = await visit('/');
  await addUseCase(page, portal, 'Claims intake');
  await toldThat(page, 'Use case added');
  assert.equal(await page.locator('#toasts').getAttribute('role'), 'status');
  await tabTo(page, 'Dismiss');
  await page.keyboard.press('Enter');
  await page.locator('#toasts').getByText('Use case added').waitFor({ state: 'detached' });
}

export async function backKeepsWhatTheListWasNarrowedTo() {
  const page = await visit('/endpoints/new');
  await describeFolder(page, { name: 'Second share', directory: 'second' });
  await testAndSave(page);
  await page.goto(`${portal.url}/endpoints`);
  const rows = page.getByRole('table').getByRole('row').filter({ hasText: 'folder://' });
  assert.equal(await rows.count(), 2);
  await page.getByLabel('Search endpoints').pressSequentially('office');
  await page.waitForURL(/q=office/);
  assert.equal(await rows.count(), 1);
  assert.equal((await focused(page)).words, 'Search endpoints', 'the focus stays in the search box');

  await page.getByLabel('Type', { exact: true }).selectOption('folder');
  await page.waitForURL(/q=office&type=folder/);
  await page.getByRole('link', { name: 'Office share' }).click();
  await page.waitForURL(/\/endpoints\/[0-9a-f-]{36}/);
  await page.goBack();
  await page.waitForURL(/q=office&type=folder/);
  assert.equal(await page.getByLabel('Search endpoints').inputValue(), 'office');
  assert.equal(await rows.count(), 1);
}

export async function leavingUnsavedInputIsAskedAbout() {
  const page = await visit('/endpoints/new');
  await page.getByLabel('Name', { exact: true }).fill('Half done');
  const asked = page.waitForEvent('dialog');
  const leaving = page.getByRole('link', { name: 'Deliveries', exact: true }).click();
  const dialog = await asked;
  assert.equal(dialog.type(), 'beforeunload');
  await dialog.dismiss();
  await leaving;
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Half done');
}

export async function anEndedSessionKeepsWhatWasTyped() {
  const page = await openPage();
  allowProblem(page, /status of 401/);
  await page.goto(`${portal.url}/login?next=/endpoints/new`);
  await signIn(page);
  await page.waitForURL(`${portal.url}/endpoints/new`);
  await page.getByLabel('Name', { exact: true }).fill('Half done');
  await page.context().clearCookies();
  await page.getByRole('button', { name: 'Test and save' }).click();
  await page.getByText('Your session has ended').waitFor();
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Half done');
}
