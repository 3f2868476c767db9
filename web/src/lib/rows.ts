// The requests in flight as the stream tells them, and how the table looks at them.

// One row of /metrics/active-requests, its 18 fields as the server writes them.
export interface Row {
  request_id: string;
  provider: string;
  model: string;
  requested_model: string;
  resolved_model: string;
  qualified_model: string;
  is_streaming: boolean;
  start_time: number; // Unix seconds
  duration_ms: number; // as of the frame
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_creation_tokens: number;
  tool_uses: number;
  tool_results: number;
  tool_calls: number;
  request_size: number; // bytes
  message_count: number;
  gateway?: string; // where it runs; absent in frames of one gateway
}

// A row with the moment it began, on the browser's monotonic clock: a step of the wall clock does
// not move what the page shows.
export interface LiveRow extends Row {
  began_ms: number;
}

// One of the gateways that share a view, as this server hears it.
export interface Gateway {
  gateway: string;
  state: 'here' | 'ok' | 'stale';
  requests: number; // in flight there
  left_out: number; // of these, without a row
  heard_ms_ago?: number; // when it is stale
}

export interface Snapshot {
  active_requests: Row[];
  truncated?: boolean;
  gateways?: Gateway[];
  problem?: string; // why others are not known now
}

// Callers choose ids: two gateways may each have a request of one id.
export function keyOf(row: Row): string {
  return `${row.gateway ?? ''} ${row.request_id}`;
}

// Each frame is a full snapshot: it replaces the rows. Rows are unique by gateway and request_id, the
// first wins; newest start first.
//
// A frame arrives late by an unknown delay, so `received - duration` is never too early: of all
// frames that told of a request the smallest is the closest to the truth, and a shown duration
// never steps back.
export function reduceSnapshot(previous: readonly LiveRow[], frame: Snapshot, receivedMs: number): LiveRow[] {
  const known = new Map(previous.map((row) => [keyOf(row), row.began_ms]));
  const rows = new Map<string, LiveRow>();
  for (const row of frame.active_requests) {
    const key = keyOf(row);
    if (rows.has(key)) continue;
    const began = receivedMs - row.duration_ms;
    rows.set(key, { ...row, began_ms: Math.min(began, known.get(key) ?? began) });
  }
  return [...rows.values()].sort((a, b) => b.start_time - a.start_time);
}

// What a reader should know of the other gateways; "" when all is well.
export function troubleElsewhere(gateways: readonly Gateway[], problem: string): string {
  if (problem !== '') return problem;
  const stale = gateways.filter((each) => each.state === 'stale');
  if (stale.length === 0) return '';
  const names = stale.slice(0, 3).map((each) => `${each.gateway} (${Math.round((each.heard_ms_ago ?? 0) / 1000)} s)`);
  const more = stale.length > 3 ? ` and ${stale.length - 3} more` : '';
  return `Not heard for a while: ${names.join(', ')}${more}. What they run is as it was then, and goes 10 s after it.`;
}

export interface View {
  provider: string; // wildcards, case-insensitive; "" is everything
  model: string;
  kind: '' | 'streaming' | 'plain';
}

export const everything: View = { provider: '', model: '', kind: '' };

// `*` and `?` on the whole string, case-insensitive, as the server's own filters are.
export function matchesWildcard(text: string, pattern: string): boolean {
  if (pattern === '' || pattern === '*') return true;
  const source = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 'is').test(text);
}

export function matchesView(
  row: { provider: string; is_streaming: boolean; model: string; resolved_model?: string },
  view: View,
): boolean {
  if (view.kind !== '' && row.is_streaming !== (view.kind === 'streaming')) return false;
  if (!matchesWildcard(row.provider, view.provider)) return false;
  return matchesWildcard(row.model, view.model) || matchesWildcard(row.resolved_model ?? '', view.model);
}

export type SortKey = keyof Row;
export interface Order {
  by: SortKey;
  descending: boolean;
}
export const newestFirst: Order = { by: 'start_time', descending: true };

export function sortRows(rows: readonly LiveRow[], order: Order): LiveRow[] {
  const sign = order.descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    // The duration that is shown ticks from began_ms; sorting by it must not depend on the frame.
    const [x, y] = order.by === 'duration_ms' ? [b.began_ms, a.began_ms] : [a[order.by] ?? '', b[order.by] ?? ''];
    if (x === y) return b.start_time - a.start_time;
    return (x < y ? -1 : 1) * sign;
  });
}
