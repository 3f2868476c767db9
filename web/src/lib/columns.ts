// The 18 fields of a row, and where it runs, as columns: how each is headed, shown and explained.
import { formatBytes, formatClock, formatCompact } from './format.ts';
import type { Row } from './rows.ts';

export type Cell = 'id' | 'provider' | 'duration' | 'mode' | 'text' | 'number';

export interface Column {
  key: keyof Row;
  title: string;
  meaning: string;
  cell: Cell;
  show: (row: Row) => string;
  shownFirst: boolean; // in the default set
}

const count = (key: keyof Row) => (row: Row) => formatCompact(row[key] as number);
const text = (key: keyof Row) => (row: Row) => String(row[key]);

function column(
  key: keyof Row,
  title: string,
  cell: Cell,
  shownFirst: boolean,
  meaning: string,
  show: (row: Row) => string = cell === 'number' ? count(key) : text(key),
): Column {
  return { key, title, cell, shownFirst, meaning, show };
}

export const columns: readonly Column[] = [
  column('duration_ms', 'Running', 'duration', true, 'How long the request has been in progress'),
  column('request_id', 'Request', 'id', true, 'Request id; click to copy the whole id'),
  column('provider', 'Provider', 'provider', true, 'Provider that answers'),
  column('gateway', 'Gateway', 'text', true, 'Gateway that it runs on; shown where there are several', (row) => row.gateway ?? ''),
  column('resolved_model', 'Model', 'text', true, 'Model sent upstream'),
  column('model', 'Model asked', 'text', false, 'Requested model without its provider prefix'),
  column('requested_model', 'Requested', 'text', false, 'Model string exactly as the client sent it'),
  column('qualified_model', 'Qualified', 'text', false, 'provider:model'),
  column('is_streaming', 'Mode', 'mode', true, 'Streaming or plain', (row) => (row.is_streaming ? 'stream' : 'plain')),
  column('input_tokens', 'In', 'number', true, 'Uncached input tokens'),
  column('output_tokens', 'Out', 'number', true, 'Output tokens so far'),
  column('cache_read_tokens', 'Cache read', 'number', true, 'Input tokens read from the provider’s cache'),
  column('cache_creation_tokens', 'Cache write', 'number', false, 'Input tokens written to the provider’s cache'),
  column('message_count', 'Msgs', 'number', true, 'Messages in the request'),
  column('request_size', 'Size', 'number', true, 'Size of the request', (row) => formatBytes(row.request_size)),
  column('tool_uses', 'Tool uses', 'number', false, 'Tool calls among the request’s messages'),
  column('tool_results', 'Tool results', 'number', false, 'Tool results among the request’s messages'),
  column('tool_calls', 'Tool calls', 'number', true, 'Tool calls in the answer'),
  column('start_time', 'Started', 'number', false, 'When the request began, local time', (row) =>
    formatClock(row.start_time),
  ),
];

// The gateway is told only where there are several.
export function columnsFor(gateways: number): readonly Column[] {
  return gateways > 1 ? columns : columns.filter((each) => each.key !== 'gateway');
}

export const columnsStorageKey = 'sightglass.live.columns';

export function defaultColumns(): (keyof Row)[] {
  return columns.filter((each) => each.shownFirst).map((each) => each.key);
}

// What an earlier visit chose; names this version does not know are left out.
export function loadColumns(storage: Pick<Storage, 'getItem'>): (keyof Row)[] {
  try {
    const chosen: unknown = JSON.parse(storage.getItem(columnsStorageKey) ?? '');
    if (Array.isArray(chosen)) {
      const known = columns.map((each) => each.key).filter((key) => chosen.includes(key));
      if (known.length > 0) return known;
    }
  } catch {
    // Nothing was chosen yet, or not by us.
  }
  return defaultColumns();
}
