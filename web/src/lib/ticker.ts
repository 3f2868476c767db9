// The clock behind ticking durations: one timer for the whole page, on the monotonic clock, asleep
// while nobody looks.

export const tickStorageKey = 'vdm.metrics.activeRequests.durationTickMs';
export const defaultTickMs = 2000;
export const minimumTickMs = 250;

export function clampTick(value: unknown): number {
  const number = typeof value === 'number' ? value : Number.parseInt(String(value), 10);
  if (!Number.isFinite(number)) return defaultTickMs;
  return Math.min(60_000, Math.max(minimumTickMs, Math.round(number)));
}

export function loadTick(storage: Pick<Storage, 'getItem'>): number {
  return clampTick(storage.getItem(tickStorageKey) ?? defaultTickMs);
}

// Calls `onTick(performance.now())` in an animation frame every `periodMs` until stopped.
export function startTicker(periodMs: number, onTick: (nowMs: number) => void): () => void {
  let timer = 0;
  let frame = 0;
  const wait = (): void => {
    timer = window.setTimeout(() => {
      frame = requestAnimationFrame(() => {
        onTick(performance.now());
        wait();
      });
    }, periodMs);
  };
  wait();
  return () => {
    window.clearTimeout(timer);
    cancelAnimationFrame(frame);
  };
}
