// A row of the stream with every field, for the tests.
import type { Row } from '../src/lib/rows.ts';

export function row(id: string, change: Partial<Row> = {}): Row {
  return {
    request_id: id, provider: 'openai', model: 'gpt-4o', requested_model: 'gpt-4o', resolved_model: 'gpt-4o',
    qualified_model: 'openai:gpt-4o', is_streaming: true, start_time: 100, duration_ms: 0, input_tokens: 0,
    output_tokens: 0, cache_read_tokens: 0, cache_creation_tokens: 0, tool_uses: 0, tool_results: 0,
    tool_calls: 0, request_size: 0, message_count: 0, gateway: 'here', ...change,
  };
}
