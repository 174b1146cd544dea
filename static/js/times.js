// Turns printed UTC times into "4 minutes ago"; the full time stays in the title.
import { all } from './dom.js';

const DAY = 86_400_000;
const UNITS = [
  ['day', DAY],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
];
const relative = new Intl.RelativeTimeFormat(document.documentElement.lang || 'en', { numeric: 'auto' });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });

/** Updates every `<time data-relative>`; past 30 days the printed date says more. */
export function times(root = document) {
  for (const time of all('time[data-relative]', root)) {
    const instant = Date.parse(time.dateTime);
    const distance = instant - Date.now();
    if (Number.isNaN(instant) || Math.abs(distance) > 30 * DAY) continue;
    const [unit, length] = UNITS.find(([, size]) => Math.abs(distance) >= size) ?? UNITS.at(-1);
    const words = relative.format(Math.round(distance / length), unit);
    if (time.textContent !== words) time.textContent = words;
    time.title ||= `${absolute.format(instant)} · ${time.dateTime}`;
  }
}

setInterval(times, 30_000);
