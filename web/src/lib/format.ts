// How numbers and times read on the page. Pure, so that a test can hold each form.

// "12s", "3m 04s", "1h 02m": whole seconds, rounded down, as a stopwatch shows them.
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${pad(seconds % 60)}s`;
  return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
}

// A finished call's latency, with the precision one reads it at: "842 ms", "1.24 s", "3m 04s".
export function formatLatency(milliseconds: number): string {
  if (milliseconds < 1) return milliseconds > 0 ? '<1 ms' : '0 ms';
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(milliseconds < 9_995 ? 2 : 1)} s`;
  return formatDuration(milliseconds);
}

const grouped = new Intl.NumberFormat('en-US');

export function formatCount(value: number): string {
  return grouped.format(value);
}

// At most four significant characters and a unit: 999, 12.4k, 1.25M, 980M, 3.1B.
export function formatCompact(value: number): string {
  const units = [
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const;
  for (const [size, unit] of units) {
    // 999,950 and up would round to "1000k": it belongs to the next unit.
    if (value < size * 0.99995) continue;
    const scaled = value / size;
    const digits = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
    return `${trim(scaled.toFixed(digits))}${unit}`;
  }
  return grouped.format(value);
}

export function formatBytes(value: number): string {
  if (value < 1000) return `${value} B`;
  if (value < 999_500) return `${trim((value / 1e3).toFixed(value < 99_950 ? 1 : 0))} kB`;
  return `${trim((value / 1e6).toFixed(1))} MB`;
}

// Dollars with the digits that matter: $0, $0.00042, $0.0315, $12.40, $1,204.
export function formatDollars(value: number): string {
  if (value === 0) return '$0';
  if (value < 0) return `−${formatDollars(-value)}`;
  if (value < 1e-6) return '<$0.000001';
  if (value < 0.01) return `$${trim(value.toFixed(6), 4)}`;
  if (value < 1) return `$${trim(value.toFixed(4), 2)}`;
  if (value < 1000) return `$${value.toFixed(2)}`;
  return `$${grouped.format(Math.round(value))}`;
}

// A share of a whole: "0%", "<0.1%", "2.4%", "38%".
export function formatShare(part: number, whole: number): string {
  if (whole <= 0 || part <= 0) return '0%';
  const percent = (part / whole) * 100;
  if (percent < 0.1) return '<0.1%';
  return `${percent < 9.95 ? trim(percent.toFixed(1)) : Math.round(percent)}%`;
}

// A success rate: never rounded up, so that 100% means every one.
export function formatSuccess(rate: number): string {
  return `${trim((Math.floor(rate * 1000 + 1e-9) / 10).toFixed(1))}%`;
}

export function formatRate(perSecond: number): string {
  if (perSecond <= 0) return '0/s';
  if (perSecond >= 9.95) return `${formatCompact(Math.round(perSecond))}/s`;
  if (perSecond >= 0.95) return `${trim(perSecond.toFixed(1))}/s`;
  return `${trim((perSecond * 60).toFixed(perSecond * 60 < 9.95 ? 1 : 0))}/min`;
}

export function shortId(id: string): string {
  return id.slice(0, 8);
}

export function formatClock(unixSeconds: number): string {
  const at = new Date(unixSeconds * 1000);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

// Drops zeros at the end of the fraction, but keeps `keep` digits of it.
function trim(text: string, keep = 0): string {
  const point = text.indexOf('.');
  if (point < 0) return text;
  let end = text.length;
  while (end > point + 1 + keep && text[end - 1] === '0') end--;
  return text.slice(0, end === point + 1 ? point : end);
}
