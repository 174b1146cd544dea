// Chromium for the checks: pages that remember everything that went wrong on them.
//
// A page fails its check when it logs an error, throws, breaks the content security policy, or asks for
// something that cannot be had. What a check provokes on purpose it allows with `allowProblem`.

import { mkdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const VIEWPORTS = {
  desktop: { viewport: { width: 1280, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};
const FLAGS = [
  '--no-sandbox', // the tests may run as root
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1', // nothing leaves the machine
];
const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const axeSource = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
const repository = resolve(fileURLToPath(import.meta.url), '../../../..');

let browser;
const watched = new Map(); // page → { problems, allowed }
const scriptless = new WeakSet(); // contexts opened without JavaScript

/**
 * Opens a page as a new visitor. Options: `theme` (light, dark), `viewport` (desktop, phone),
 * `javaScript` (true, false), `like` (a page, or what `visitorOf` kept of one: its cookies are shared, so who is
 * signed in stays so).
 */
export async function openPage({ theme = 'light', viewport = 'desktop', javaScript = true, like } = {}) {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
  const context = await browser.newContext({
    ...VIEWPORTS[viewport],
    colorScheme: theme,
    javaScriptEnabled: javaScript,
    storageState: like?.context ? await visitorOf(like) : like,
  });
  if (!javaScript) scriptless.add(context);
  context.setDefaultTimeout(15_000);
  context.on('page', watch); // also pages that a link opens
  return context.newPage();
}

/** Who looks at a page, to open further pages as the same visitor when this one is closed. */
export function visitorOf(page) {
  return page.context().storageState();
}

/** Says that a problem matching `pattern` (a regular expression) is expected on this page. */
export function allowProblem(page, pattern) {
  watched.get(page).allowed.push(pattern);
}

/** What went wrong on a page so far and was not allowed, as sentences. */
export function problemsOf(page) {
  const { problems, allowed } = watched.get(page);
  return problems.filter((problem) => !allowed.some((pattern) => pattern.test(problem)));
}

/** Saves a picture of the whole page as NAME.png in $SCREENSHOTS (default .test/screenshots); returns its path. */
export async function screenshot(page, name) {
  const folder = process.env.SCREENSHOTS ?? resolve(repository, '.test/screenshots');
  mkdirSync(folder, { recursive: true });
  const path = resolve(folder, `${name.replace(/[^\w.-]+/g, '-')}.png`);
  await page.screenshot({ path, fullPage: true, animations: 'disabled' });
  return path;
}

/**
 * Checks a page, or its part `within` (a selector), with axe-core: WCAG 2.0 to 2.2 A and AA and best
 * practice. Throws with the rule, the selector and the reason of every violation. Works under any CSP,
 * but not on a page opened without JavaScript: axe waits on timers, which stand still there.
 */
export async function axe(page, { within } = {}) {
  if (scriptless.has(page.context())) throw new Error('axe needs a page with JavaScript');
  await page.evaluate(axeSource);
  const violations = await page.evaluate(
    async ([tags, part]) => {
      const result = await globalThis.axe.run(part ?? document, {
        runOnly: { type: 'tag', values: tags },
        resultTypes: ['violations'],
      });
      return result.violations.flatMap(({ id, impact, nodes }) =>
        nodes.map((node) => `${id} (${impact}) at ${node.target.join(' ')}: ${node.failureSummary.replace(/\s+/g, ' ')}`),
      );
    },
    [AXE_TAGS, within],
  );
  if (violations.length) {
    throw new Error(`${violations.length} accessibility violations on ${page.url()}\n${violations.join('\n')}`);
  }
}

/** Throws if the page scrolls sideways, naming the widest elements. */
export async function fitsWidth(page) {
  const wide = await page.evaluate(() => {
    const limit = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= limit) return [];
    return [...document.body.querySelectorAll('*')]
      .filter((element) => element.getBoundingClientRect().right > limit + 1)
      .map((element) => `${element.tagName.toLowerCase()}${element.id && `#${element.id}`} ${element.className}`.trim());
  });
  if (wide.length) throw new Error(`${page.url()} is wider than the screen: ${wide.slice(0, 5).join(', ')}`);
}

/** Used by run.mjs: all problems on the pages of a check; closes the pages unless told to keep them. */
export async function finishPages({ keepOpen }) {
  const problems = [...watched.keys()].flatMap((page) => problemsOf(page));
  if (!keepOpen) {
    const contexts = new Set([...watched.keys()].map((page) => page.context()));
    for (const context of contexts) await context.close();
    watched.clear();
  }
  return problems;
}

/** Used by run.mjs: a picture of every page still open, for a check that failed. */
export async function failureScreenshots(label) {
  const open = [...watched.keys()].filter((page) => !page.isClosed());
  const shots = open.map((page, index) => screenshot(page, `failed ${label} ${index + 1}`).catch(() => undefined));
  return (await Promise.all(shots)).filter(Boolean);
}

/** Used by run.mjs: ends Chromium. */
export async function closeBrowser() {
  await browser?.close();
}

function watch(page) {
  const problems = [];
  watched.set(page, { problems, allowed: [] });
  const note = (kind, text) => problems.push(`${kind} on ${page.url()}: ${text}`);
  page.on('console', (message) => {
    if (message.type() === 'error') note('console error', `${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => note('script error', error.stack ?? error.message));
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText;
    // A page that is left drops what it was still loading; a download is not a page.
    if (reason !== 'net::ERR_ABORTED') note('failed request', `${request.url()} ${reason}`);
  });
}
