// A period of history and the one before it, step by step.

export interface Period {
  name: string;
  title: string;
  seconds: number;
  step: number; // seconds; divides `seconds`
}

export const periods: readonly Period[] = [
  { name: '1 hour', title: 'The last hour', seconds: 3600, step: 60 },
  { name: '24 hours', title: 'The last 24 hours', seconds: 86_400, step: 900 },
  { name: '7 days', title: 'The last 7 days', seconds: 7 * 86_400, step: 7200 },
  { name: '30 days', title: 'The last 30 days', seconds: 30 * 86_400, step: 21_600 },
];

export interface Window {
  start: number; // Unix seconds, on a step's boundary
  end: number;
}

// The last whole steps and the one that runs, and the same stretch before them.
export function windowsOf(period: Period, nowSeconds: number): { current: Window; previous: Window } {
  const end = Math.ceil((nowSeconds + 1) / period.step) * period.step;
  const start = end - period.seconds;
  return { current: { start, end }, previous: { start: start - period.seconds, end: start } };
}

export interface Point {
  timestamp: number; // Unix seconds
  value: number;
}

// One value a step; null where nothing was. Points between steps belong to the step they fall in.
export function fill(points: readonly Point[], window: Window, step: number): (number | null)[] {
  const values: (number | null)[] = Array.from({ length: Math.round((window.end - window.start) / step) }, () => null);
  for (const { timestamp, value } of points) {
    const at = Math.floor((timestamp - window.start) / step);
    if (at >= 0 && at < values.length) values[at] = value;
  }
  return values;
}

// The steps of `window` that begin at a round time of day, at most `most` of them. `offset`: of the
// local zone, in seconds east.
export function tickSteps(window: Window, step: number, most: number, offset: number): number[] {
  const rounds = [60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000];
  const round = rounds.find((each) => each % step === 0 && (window.end - window.start) / each <= most) ?? 864_000;
  const steps = Array.from({ length: Math.round((window.end - window.start) / step) }, (_, at) => at);
  return steps.filter((at) => (window.start + at * step + offset) % round === 0);
}

// How a figure moved against the period before: "+12%", "−3%", "×4.2", "new", "" for no news.
export function formatChange(now: number, before: number): string {
  if (before === 0) return now === 0 ? '' : 'new';
  const ratio = now / before;
  if (ratio >= 3) return `×${ratio >= 10 ? Math.round(ratio) : ratio.toFixed(1)}`;
  const percent = Math.round((ratio - 1) * 100);
  if (percent === 0) return '±0%';
  return percent > 0 ? `+${percent}%` : `−${-percent}%`;
}

// A round number at or above `value`, for the top of an axis: 1, 2, 2.5 or 5 times a power of ten.
export function niceTop(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const factor of [1, 2, 2.5, 5, 10]) if (factor * power >= value * 0.9999) return factor * power;
  return 10 * power;
}
