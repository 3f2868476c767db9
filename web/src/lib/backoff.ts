// The wait before the n-th reconnect (n from 0): 750 ms × 1.6^n, at most 30 s, with a jitter of
// ±25 % so that a hundred open pages do not all come back at once, and never under 250 ms.
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const base = Math.min(30_000, 750 * 1.6 ** attempt);
  const jittered = base * (0.75 + random() * 0.5);
  return Math.max(250, Math.round(jittered));
}
