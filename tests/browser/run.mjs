// Runs the browser checks: every exported async function of every *.check.mjs, file by file, in the
// order they are written. A file's checks may build on each other; they share what the file starts.
//
// usage: node run.mjs [PART OF A FILE NAME]...      env: MEDIAPORT_BIN, SCREENSHOTS, TEST_… of peers.env
// Prints one line per check and, last, `N passed, N failed`; ends with status 1 if any failed.

import { readdirSync, readFileSync } from 'node:fs';
import { closeBrowser, failureScreenshots, finishPages } from './lib/browser.mjs';
import { portalLogs, stopPortals } from './lib/portal.mjs';

const CHECK_SECONDS = 120;
const here = new URL('./', import.meta.url);
const wanted = process.argv.slice(2);

const files = readdirSync(here)
  .filter((name) => name.endsWith('.check.mjs'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort();

let passed = 0;
let failed = 0;

/** Counts and prints one outcome; a failure comes with what helps to understand it. */
async function report(label, started, error) {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  if (!error) {
    passed += 1;
    console.log(`ok    ${seconds} s  ${label}`);
    return;
  }
  failed += 1;
  console.log(`FAIL  ${seconds} s  ${label}`);
  console.log(indent(error.stack ?? String(error)));
  for (const path of await failureScreenshots(label)) console.log(indent(`screenshot: ${path}`));
  const logs = portalLogs();
  if (logs) console.log(indent(`the portal's log ends with:\n${logs}`));
}

function indent(text) {
  return text.replace(/^/gm, '        ');
}

/** The names of the exported checks as they stand in the file: a module's own list is alphabetical. */
function checkNames(file) {
  const source = readFileSync(new URL(file, here), 'utf8');
  return [...source.matchAll(/^export async function (\w+)/gm)].map((match) => match[1]);
}

async function withinTime(check) {
  let timer;
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${CHECK_SECONDS} s`)), CHECK_SECONDS * 1000);
  });
  try {
    await Promise.race([check(), tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

async function runFile(file) {
  const title = file.replace('.check.mjs', '');
  const started = performance.now();
  let module;
  try {
    module = await import(new URL(file, here));
  } catch (error) {
    await report(title, started, error);
    return;
  }
  for (const name of checkNames(file)) {
    const label = `${title} / ${name.replace(/([A-Z])/g, ' $1').toLowerCase()}`;
    const started = performance.now();
    let problem;
    try {
      await withinTime(module[name]);
    } catch (error) {
      problem = error;
    }
    const onPages = await finishPages({ keepOpen: Boolean(problem) });
    if (!problem && onPages.length) problem = onPages.join('\n');
    await report(label, started, problem);
    if (problem) await finishPages({ keepOpen: false });
  }
}

for (const file of files) {
  await runFile(file);
  try {
    await stopPortals();
  } catch (error) {
    await report(`${file} / stops its portal`, performance.now(), error);
  }
}
await closeBrowser();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
