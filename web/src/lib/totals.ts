// The running totals as JSON (the same keys as the YAML report), and what the page makes of them.

export interface Split {
  requests: number;
  errors: number;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_creation_tokens: number;
  tool_uses: number;
  tool_results: number;
  tool_calls: number;
  average_duration_ms: number;
  total_duration_ms: number;
}

export interface Splits {
  total: Split;
  streaming?: Split;
  non_streaming?: Split;
}

export interface ModelTotals extends Splits {
  last_accessed?: string | null;
}

export interface ProviderTotals {
  last_accessed?: string | null;
  rollup: Splits;
  models?: Record<string, ModelTotals>;
}

export interface RunningTotals {
  _metrics_enabled?: boolean; // present, and false, only when metrics are off
  summary?: {
    total_requests: number;
    total_errors: number;
    total_input_tokens: number;
    total_output_tokens: number;
    total_cache_read_tokens: number;
    total_cache_creation_tokens: number;
    active_requests: number;
    average_duration_ms: number;
    total_duration_ms: number;
  };
  providers?: Record<string, ProviderTotals>;
  sightglass?: { cost_usd?: number; unpriced_requests?: number };
}

export interface TotalsRow {
  provider: string;
  model: string | null; // null: the provider's own line
  total: Split;
  streaming: Split | null;
  plain: Split | null;
}

// Provider lines, each followed by its models, busiest first.
export function totalsRows(totals: RunningTotals): TotalsRow[] {
  const rows: TotalsRow[] = [];
  const busiest = <T>(entries: [string, T][], requests: (value: T) => number) =>
    entries.sort((a, b) => requests(b[1]) - requests(a[1]) || a[0].localeCompare(b[0]));
  for (const [provider, entry] of busiest(Object.entries(totals.providers ?? {}), (p) => p.rollup.total.requests)) {
    rows.push(row(provider, null, entry.rollup));
    for (const [model, splits] of busiest(Object.entries(entry.models ?? {}), (m) => m.total.requests)) {
      rows.push(row(provider, model, splits));
    }
  }
  return rows;
}

function row(provider: string, model: string | null, splits: Splits): TotalsRow {
  return {
    provider,
    model,
    total: splits.total,
    streaming: splits.streaming ?? null,
    plain: splits.non_streaming ?? null,
  };
}

// One recent call of /metrics/logs.
export interface Trace {
  seq: number;
  ts: number; // end, Unix seconds
  request_id: string;
  provider: string;
  model: string;
  is_streaming: boolean;
  duration_ms: number;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_creation_tokens: number;
  tool_use_count: number;
  tool_call_count: number;
  tool_result_count: number;
  status: string;
  error: string | null;
  error_type: string | null;
}

export interface Logs {
  errors: Trace[];
  traces: Trace[];
}
