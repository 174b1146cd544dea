// Waiting for what happens in the background.

import { setTimeout as sleep } from 'node:timers/promises';

/** Calls `probe` until it returns something true and returns that; throws after `seconds`, naming `what`. */
export async function until(what, seconds, probe) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain until ${what}`);
    await sleep(100);
  }
}
