// What the page asks of its server. Every answer is either a value or a sentence for the reader,
// with the next step in it.
import type { Logs, RunningTotals } from './totals.ts';
import type { Point, Window } from './period.ts';
import type { View } from './rows.ts';

export type Answer<T> = { ok: true; value: T } | { ok: false; status: number; message: string };

async function ask<T>(path: string, init: RequestInit = {}): Promise<Answer<T>> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, credentials: 'same-origin', cache: 'no-store' });
  } catch {
    return { ok: false, status: 0, message: 'The server does not answer. Is Sightglass running?' };
  }
  if (!response.ok) return { ok: false, status: response.status, message: await explain(response) };
  try {
    return { ok: true, value: (await response.json()) as T };
  } catch {
    return { ok: false, status: response.status, message: 'The server’s answer is not JSON. Is a proxy in between?' };
  }
}

async function explain(response: Response): Promise<string> {
  try {
    const body = (await response.json()) as { error?: { message?: string } | string; detail?: string };
    const said = typeof body.error === 'object' ? body.error.message : (body.error ?? body.detail);
    if (typeof said === 'string' && said !== '') return said;
  } catch {
    // Not JSON: the status says what there is to say.
  }
  return `The server answered ${response.status}.`;
}

// The JSON form of the report has the YAML's keys; the view's filters are the server's own.
export function fetchTotals(view: View): Promise<Answer<RunningTotals>> {
  const query = new URLSearchParams({ include_active: 'false' });
  if (view.provider !== '') query.set('provider', view.provider);
  if (view.model !== '') query.set('model', view.model);
  return ask(`/metrics/running-totals?${query}`, { headers: { accept: 'application/json' } });
}

export function fetchLogs(): Promise<Answer<Logs>> {
  return ask('/metrics/logs?limit_errors=100&limit_traces=200', { headers: { accept: 'application/json' } });
}

// The Administration seed's numbers over a time range.
export interface Global {
  total_requests: number;
  total_tokens: number;
  total_cost: number; // dollars
  overall_success_rate: number; // 0 to 1
  avg_latency: number; // ms
}

export interface Series {
  latency: { points: Point[] };
  tokens: { points: Point[] };
}

export function fetchGlobal({ start, end }: Window): Promise<Answer<Global>> {
  return ask(`/admin/v1/metrics/global?start=${start}&end=${end}`);
}

export function fetchSeries({ start, end }: Window, step: number): Promise<Answer<Series>> {
  return ask(`/admin/v1/metrics?start=${start}&end=${end}&step=${step}`);
}

export interface Session {
  user?: { id?: string; username?: string };
}

export async function login(adminId: string, password: string): Promise<Answer<Session>> {
  const answer = await ask<Session>('/api/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ admin_id: adminId, password }),
  });
  if (answer.ok) return answer;
  if (answer.status === 401 || answer.status === 403) {
    return {
      ...answer,
      message:
        'That name and password do not match. The admin key works as the password: it was shown at the first ' +
        'start, or lies in the file admin-key in the data folder; “sightglass admin-key --new” makes a new one.',
    };
  }
  if (answer.status === 429) {
    return { ...answer, message: 'Too many attempts from this address. Wait a minute, then try once more.' };
  }
  return answer;
}

export function logout(): Promise<Answer<unknown>> {
  return ask('/api/logout', { method: 'POST', headers: { accept: 'application/json' } });
}
