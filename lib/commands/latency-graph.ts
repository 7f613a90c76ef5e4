import type { LatencyEvent, LatencySample } from '../engine/observation-commands.ts';

const ROWS = 4;
const COLUMNS_MAX = 80;
/** From low to high within a row. */
const LEVELS = '_o#';

/** How long ago: s, m, h or d. */
function age(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** A column of the picture, from the top row down. */
function columnOf({ milliseconds }: LatencySample, low: number, high: number): string {
  const steps = ROWS * LEVELS.length - 1;
  const height = high === low ? 0 : Math.round(((milliseconds - low) / (high - low)) * steps);
  const row = Math.floor(height / LEVELS.length);
  const mark = LEVELS[height % LEVELS.length] ?? '_';
  return [...Array(ROWS).keys()]
    .map((fromTop) => {
      const fromBottom = ROWS - 1 - fromTop;
      if (fromBottom === row) return mark;
      return fromBottom < row ? '|' : ' ';
    })
    .join('');
}

/** A column for each of the latest samples, below each how long ago it was. */
export function graphOf({ name, samples, millisecondsMax }: LatencyEvent, now: number): string {
  const shown = samples.slice(-COLUMNS_MAX);
  const times = shown.map(({ milliseconds }) => milliseconds);
  const low = Math.min(...times);
  const high = Math.max(...times);
  const title = `${name} - high ${high} ms, low ${low} ms (all time high ${millisecondsMax} ms)`;
  const ages = shown.map(({ unixSeconds }) => age(Math.max(now - unixSeconds, 0)));
  const longest = Math.max(...ages.map((text) => text.length));
  const columns = shown.map(
    (sample, i) => columnOf(sample, low, high) + (ages[i] ?? '').padEnd(longest),
  );
  const rows = [...Array(ROWS + longest).keys()].map((row) =>
    columns
      .map((column) => column[row])
      .join('')
      .trimEnd(),
  );
  return `${[title, '-'.repeat(COLUMNS_MAX), ...rows].join('\n')}\n`;
}
