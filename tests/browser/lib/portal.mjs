// The real binary, started on a free port with an empty data folder.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './wait.mjs';

const START_SECONDS = 30;
const STOP_SECONDS = 20;
const LOG_LINES = 40;

const running = new Set();
process.on('exit', () => running.forEach((portal) => portal.process?.kill('SIGKILL')));

/**
 * Starts the portal and waits until it answers. `env` adds to or replaces settings; the data folder is
 * removed by `stopPortals`, which run.mjs calls after each file.
 * Returns a Portal: `url`, `dataDir`, `setupUrl()`, `command(…)`, `log()`, `stop()`, `kill()`, `restart(env)`.
 */
export async function startPortal({ env = {} } = {}) {
  const portal = new Portal(await freePort(), env);
  running.add(portal);
  await portal.start();
  return portal;
}

class Portal {
  constructor(port, env) {
    this.url = `http://127.0.0.1:${port}`;
    this.dataDir = mkdtempSync(join(tmpdir(), 'mediaport-check-'));
    this.env = env;
    this.output = '';
    this.port = port;
  }

  /** Starts the process; only needed after `stop` or `kill`. */
  async start() {
    this.process = spawn(binary(), ['serve'], { ...this.surroundings(), stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk) => (this.output += chunk);
    this.process.stdout.setEncoding('utf8').on('data', keep);
    this.process.stderr.setEncoding('utf8').on('data', keep);
    let ended = false;
    this.exited = new Promise((done) => {
      this.process.once('exit', () => done((ended = true)));
      this.process.once('error', (error) => {
        keep(`${error}\n`); // it could not be run at all
        done((ended = true));
      });
    });
    await until('the portal answers', START_SECONDS, async () => {
      if (ended) throw new Error(`the portal ended while starting:\n${this.log()}`);
      return fetch(this.url, { redirect: 'manual' }).catch(() => false);
    });
  }

  /** Folder and environment of the binary, the same for the server and for commands beside it. */
  surroundings() {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('MEDIAPORT_'));
    return {
      cwd: this.dataDir, // no stray mediaport.toml
      env: {
        ...Object.fromEntries(inherited),
        ...(process.env.TEST_CA_FILE && { SSL_CERT_FILE: process.env.TEST_CA_FILE }),
        MEDIAPORT_LISTEN: `127.0.0.1:${this.port}`,
        MEDIAPORT_DATA_DIR: join(this.dataDir, 'data'),
        MEDIAPORT_OUTBOUND_ALLOW: '127.0.0.0/8',
        ...this.env,
      },
    };
  }

  /** Runs `mediaport …words` on the same data; gives what it prints. `input` goes to its standard input. */
  command(words, input = '') {
    const ran = spawnSync(binary(), words, { ...this.surroundings(), input, encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(`mediaport ${words.join(' ')} ended with ${ran.status}:\n${ran.stderr}`);
    return ran.stdout.trim();
  }

  /** The one-time set-up link that the first start prints (the newest, if it printed several). */
  async setupUrl() {
    const newest = () => this.output.match(/\/setup\/[\w-]+/g)?.at(-1);
    return this.url + (await until('a set-up link is printed', START_SECONDS, newest));
  }

  /** The last lines the portal wrote, both streams together, without the requests for scripts and styles. */
  log() {
    const lines = this.output.trimEnd().split('\n').filter((line) => !line.includes('route=/static/'));
    return lines.slice(-LOG_LINES).join('\n');
  }

  /** Asks the portal to end and waits; throws if it does not end in time. */
  async stop() {
    if (!this.process) return;
    const { process: child, exited } = this;
    this.process = undefined;
    child.kill('SIGTERM');
    let timer;
    const late = new Promise((done) => (timer = setTimeout(done, STOP_SECONDS * 1000)));
    const ended = await Promise.race([exited, late]);
    clearTimeout(timer);
    if (!ended) {
      child.kill('SIGKILL');
      throw new Error(`the portal did not end within ${STOP_SECONDS} s of SIGTERM`);
    }
  }

  /** Ends the portal as a power cut would: SIGKILL. */
  async kill() {
    this.process?.kill('SIGKILL');
    await this.exited;
    this.process = undefined;
  }

  /** Stops and starts again on the same data and address, with `env` added to its settings. */
  async restart(env = {}) {
    await this.stop();
    Object.assign(this.env, env);
    await this.start();
  }
}

function binary() {
  if (!process.env.MEDIAPORT_BIN) throw new Error('MEDIAPORT_BIN must name the built binary');
  return process.env.MEDIAPORT_BIN;
}

/** Used by run.mjs: the ends of the logs of all portals that run. */
export function portalLogs() {
  return [...running].map((portal) => portal.log()).join('\n');
}

/** Used by run.mjs: stops every portal and removes its data. */
export async function stopPortals() {
  const stopped = await Promise.allSettled([...running].map((portal) => portal.stop()));
  for (const portal of running) rmSync(portal.dataDir, { recursive: true, force: true });
  running.clear();
  const failure = stopped.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
}

/** A port of 127.0.0.1 that nothing listens on. */
export function freePort() {
  return new Promise((done, failed) => {
    const server = createServer().once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
