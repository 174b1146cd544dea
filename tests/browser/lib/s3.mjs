// The S3 peer, seen from outside the portal: makes buckets and reads back what was delivered.

import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // not yet global in Node 18
const { AwsClient } = await import('aws4fetch');

const { TEST_S3_ENDPOINT, TEST_S3_REGION, TEST_S3_ACCESS_KEY, TEST_S3_SECRET_KEY } = process.env;
let made = 0;

/** What the portal's form for an S3 end point has to be given. */
export const s3 = {
  endpoint: TEST_S3_ENDPOINT,
  region: TEST_S3_REGION,
  accessKey: TEST_S3_ACCESS_KEY,
  secretKey: TEST_S3_SECRET_KEY,
};

/** Creates an empty bucket with a name nobody used before; returns the name. */
export async function createBucket() {
  const bucket = `check-${process.pid}-${Date.now()}-${(made += 1)}`;
  await request('PUT', bucket);
  return bucket;
}

/** The keys of all objects in a bucket, sorted. */
export async function listKeys(bucket) {
  const answer = await request('GET', `${bucket}?list-type=2`);
  return [...(await answer.text()).matchAll(/<Key>(.*?)<\/Key>/g)].map((match) => unescape(match[1])).sort();
}

/** An object's bytes, as a Buffer. */
export async function readObject(bucket, key) {
  const answer = await request('GET', `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`);
  return Buffer.from(await answer.arrayBuffer());
}

async function request(method, path) {
  if (!TEST_S3_ENDPOINT) throw new Error('no S3 peer: run tests/peers/up and export what peers.env holds');
  const client = new AwsClient({
    accessKeyId: TEST_S3_ACCESS_KEY,
    secretAccessKey: TEST_S3_SECRET_KEY,
    service: 's3',
    region: TEST_S3_REGION,
    retries: 0,
  });
  const answer = await client.fetch(`${TEST_S3_ENDPOINT}/${path}`, { method });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

function unescape(text) {
  const named = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'", '&amp;': '&' };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (entity) => named[entity]);
}
