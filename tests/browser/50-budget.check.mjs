// How much each page costs: bytes on the wire and requests, for a first visit and for the next one.

import assert from 'node:assert/strict';
import { Api } from './lib/api.mjs';
import { openPage } from './lib/browser.mjs';
import { dana, firstAdministrator } from './lib/people.mjs';
import { startPortal } from './lib/portal.mjs';
import * as samples from './lib/samples.mjs';
import { until } from './lib/wait.mjs';

const KB = 1024;
const MOST = { cold: 110 * KB, warm: 15 * KB, requests: 10, html: 12 * KB, fullList: 10 * KB };
const FULL_LIST = 50; // rows of one page

const portal = await startPortal();
const admin = await firstAdministrator(portal);

/** Loads a page and gives what went over the wire: bytes with headers, requests, and the compressed page itself. */
async function cost(page, path) {
  const session = await page.context().newCDPSession(page);
  const seen = new Map(); // request → what is known of it
  const note = (requestId, facts) => seen.set(requestId, { ...seen.get(requestId), ...facts });
  const isIcon = ({ url }) => url?.includes('/favicon.');
  session.on('Network.responseReceived', ({ requestId, type, response }) => {
    const isStream = response.mimeType === 'text/event-stream'; // comes when all else is there, and has no end
    note(requestId, { type, url: response.url, isStream, ...(response.fromDiskCache && { fromCache: true }) });
  });
  session.on('Network.requestServedFromCache', ({ requestId }) => note(requestId, { fromCache: true }));
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength: bytes }) => note(requestId, { bytes }));
  await session.send('Network.enable');
  await page.goto(portal.url + path);
  await page.evaluate(() => document.fonts.ready);
  await until('all is loaded', 5, () => {
    const requests = [...seen.values()];
    // the icon comes last, after the page calls itself loaded
    const isDone = ({ fromCache, isStream, bytes }) => fromCache || isStream || bytes !== undefined;
    return requests.some(isIcon) && requests.every(isDone);
  });
  await session.detach();
  const sent = [...seen.values()].filter(({ fromCache }) => !fromCache);
  return {
    bytes: sent.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
    requests: sent.length,
    html: sent.find(({ type }) => type === 'Document').bytes,
  };
}

/** Checks a page for a new visitor and for one who has just been there, and prints the figures. */
async function checkCost(path, { visitor, html = MOST.html } = {}) {
  const page = await openPage({ like: visitor });
  const cold = await cost(page, path);
  const warm = await cost(page, path);
  const size = ({ bytes, requests }) => `${(bytes / KB).toFixed(1)} KB in ${requests} request${requests === 1 ? '' : 's'}`;
  const figures = `${path}: cold ${size(cold)}, warm ${size(warm)}, page ${(cold.html / KB).toFixed(1)} KB`;
  console.log(`      ${figures}`);
  assert.ok(cold.bytes <= MOST.cold && warm.bytes <= MOST.warm, figures);
  assert.ok(cold.requests <= MOST.requests, figures);
  assert.ok(cold.html <= html, figures);
}

export async function pagesForStrangersAreLight() {
  await checkCost('/login');
  await checkCost('/api/docs');
  await checkCost('/api/docs/handInFile'); // the longest of the calls
}

export async function pagesAreLight() {
  const { endpoint, useCase, delivery } = await bring();
  const paths = [
    '/',
    '/endpoints',
    '/endpoints/new',
    `/endpoints/${endpoint}`,
    `/endpoints/${endpoint}?tab=pictures`,
    `/endpoints/${endpoint}?tab=deliveries`,
    '/use-cases',
    `/use-cases/${useCase}`,
    `/deliveries/${delivery}`,
  ];
  for (const path of paths) await checkCost(path, { visitor: admin });
}

export async function aFullListIsLight() {
  await checkCost('/deliveries', { visitor: admin, html: MOST.fullList });
}

/** Enough deliveries to fill a page of the list. */
async function bring() {
  const people = new Api(portal, portal.command(['token', 'add', '--user', dana.email]));
  const add = (name) => people.post('/endpoints', { name, type: 'folder', directory: name.toLowerCase() });
  const endpoints = [await add('Archive'), await add('Mirror')].map(({ id }) => id);
  const useCase = await people.post('/use-cases', { name: 'Claims intake', pictures: [], recordings: endpoints });
  portal.command(['app', 'add', 'telephony']);
  const telephony = new Api(portal, portal.command(['key', 'add', '--app', 'telephony']));
  const conversation = await telephony.post('/conversations', { use_case: 'Claims intake' });
  for (let file = 0; file < FULL_LIST / endpoints.length; file += 1) {
    const query = { kind: 'recording', file_name: `call-${88213 + file}.wav` };
    await telephony.postFile(`/conversations/${conversation.id}/media`, samples.call, query);
  }
  const delivered = await until('all is delivered', 30, async () => {
    const { items } = await people.get(`/deliveries?state=delivered&limit=${FULL_LIST}`);
    return items.length === FULL_LIST && items;
  });
  return { endpoint: endpoints[0], useCase: useCase.id, delivery: delivered[0].id };
}
