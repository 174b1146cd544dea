// Checks of the harness itself: it needs no portal.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { allowProblem, axe, fitsWidth, openPage, problemsOf, screenshot } from './lib/browser.mjs';
import { createBucket, listKeys } from './lib/s3.mjs';
import * as samples from './lib/samples.mjs';
import { until } from './lib/wait.mjs';

const GOOD = '<!doctype html><html lang=en><title>Good</title><main><h1>Good</h1><p>Text</p></main>';

/** Answers every request with `html` under the policy that the portal uses for scripts. */
async function serve(html, visit) {
  const server = createServer((_, reply) => {
    reply.setHeader('Content-Security-Policy', "default-src 'self'; script-src 'self'");
    reply.setHeader('Content-Type', 'text/html');
    reply.end(html);
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  try {
    await visit(`http://127.0.0.1:${server.address().port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

export async function themesAndViewports() {
  const page = await openPage({ theme: 'dark', viewport: 'phone' });
  await page.goto(`data:text/html,${GOOD}`);
  const seen = await page.evaluate(() => [matchMedia('(prefers-color-scheme: dark)').matches, screen.width]);
  assert.deepEqual(seen, [true, 390]);
  await fitsWidth(page);
  assert.match(await screenshot(page, 'harness'), /harness\.png$/);
}

export async function withoutJavaScript() {
  const page = await openPage({ javaScript: false });
  await page.goto(`data:text/html,${GOOD}<script>document.title='ran'</script>`);
  assert.equal(await page.title(), 'Good');
  await assert.rejects(axe(page), /needs a page with JavaScript/);
}

export async function axeWorksUnderThePolicy() {
  await serve(GOOD, async (url) => {
    const page = await openPage();
    await page.goto(url);
    await axe(page);
  });
  await serve(`${GOOD}<img id=nameless src="data:,">`, async (url) => {
    const page = await openPage();
    allowProblem(page, /data:,/);
    await page.goto(url);
    await assert.rejects(axe(page), /image-alt .* at #nameless/);
  });
}

export async function problemsAreNoticed() {
  await serve(`${GOOD}<script>1</script><script src="https://elsewhere.example/x.js"></script>`, async (url) => {
    const page = await openPage();
    await page.goto(url);
    await page.evaluate(() =>
      setTimeout(() => {
        throw new Error('thrown');
      }),
    );
    await until('the last is noted', 5, () => problemsOf(page).some((problem) => problem.includes('thrown')));
    assert.match(problemsOf(page).join('\n'), /inline script/i);
    assert.match(problemsOf(page).join('\n'), /elsewhere\.example/);
    allowProblem(page, /./);
  });
}

export async function cookiesCarryOver() {
  await serve(GOOD, async (url) => {
    const first = await openPage();
    await first.goto(url);
    await first.evaluate(() => (document.cookie = 'who=ada'));
    const second = await openPage({ theme: 'dark', like: first });
    await second.goto(url);
    assert.equal(await second.evaluate(() => document.cookie), 'who=ada');
  });
}

export async function samplesAreThere() {
  for (const sample of Object.values(samples)) assert.ok(sample.bytes.length > 10_000, sample.path);
}

export async function thePeerAnswers() {
  assert.deepEqual(await listKeys(await createBucket()), []);
}
