// Real files to upload; tests/peers/setup lays them out.

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = process.env.TEST_SAMPLES ?? resolve(fileURLToPath(import.meta.url), '../../../../.test/samples');

/** A 12 megapixel phone photograph of 2.6 MB, turned by its EXIF orientation, with a GPS position. */
export const photo = sample('photo.jpg', 'image/jpeg');
/** A PNG picture of 1.7 MB. */
export const picture = sample('photo.png', 'image/png');
/** Ten seconds of two voices on two channels, 8 kHz. */
export const call = sample('call.wav', 'audio/wav');
/** A phone video of 2.9 MB, H.264 and AAC. */
export const clip = sample('clip.mp4', 'video/mp4');
/** A PDF of two pages. */
export const document = sample('document.pdf', 'application/pdf');

function sample(name, type) {
  const path = resolve(folder, name);
  return {
    name,
    type,
    path, // for page.setInputFiles
    get bytes() {
      if (!existsSync(path)) throw new Error(`${path} is missing: run tests/peers/setup`);
      return readFileSync(path);
    },
  };
}
