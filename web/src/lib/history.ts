// A short memory of the totals, for the rates and the small curves on the tiles. Counters that fell
// (another server, other totals) start it afresh.

export interface Sample {
  atMs: number; // monotonic
  requests: number;
  errors: number;
  tokens: number;
  costUsd: number;
  durationMs: number; // summed over completed requests
  inFlight: number; // a level, not a counter
}

export const historyLength = 61;

export function remember(samples: readonly Sample[], sample: Sample): Sample[] {
  const last = samples.at(-1);
  if (last !== undefined && (sample.requests < last.requests || sample.tokens < last.tokens)) return [sample];
  return [...samples, sample].slice(-historyLength);
}

type Counter = 'requests' | 'errors' | 'tokens' | 'costUsd' | 'durationMs';

// Per second, between each pair of neighbours.
export function rates(samples: readonly Sample[], of: Counter): number[] {
  const out: number[] = [];
  for (let i = 1; i < samples.length; i++) {
    const before = samples[i - 1]!;
    const after = samples[i]!;
    const seconds = (after.atMs - before.atMs) / 1000;
    out.push(seconds > 0 ? Math.max(0, after[of] - before[of]) / seconds : 0);
  }
  return out;
}

// Per second over the last `windowMs`.
export function rateOver(samples: readonly Sample[], of: Counter, windowMs: number): number | null {
  const last = samples.at(-1);
  if (last === undefined) return null;
  const first = samples.find((each) => each.atMs >= last.atMs - windowMs);
  if (first === undefined || first === last) return null;
  return Math.max(0, last[of] - first[of]) / ((last.atMs - first.atMs) / 1000);
}

// Average latency of what completed between each pair of neighbours; where nothing did, the one
// before stands.
export function latencies(samples: readonly Sample[]): number[] {
  const out: number[] = [];
  for (let i = 1; i < samples.length; i++) {
    const requests = samples[i]!.requests - samples[i - 1]!.requests;
    const durationMs = samples[i]!.durationMs - samples[i - 1]!.durationMs;
    if (requests > 0) out.push(Math.max(0, durationMs / requests));
    else if (out.length > 0) out.push(out.at(-1)!);
  }
  return out;
}
