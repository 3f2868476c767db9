// The one connection to /metrics/active-requests/stream: when it is open, when it comes back, and
// the latest snapshot it brought.
import { backoffMs } from './backoff.ts';
import { reduceSnapshot, type Gateway, type LiveRow, type Snapshot } from './rows.ts';

export type Connection =
  | { state: 'off' } // not on the live view
  | { state: 'paused' } // the tab is hidden
  | { state: 'connecting' }
  | { state: 'open' }
  | { state: 'waiting'; attempt: number; untilMs: number } // on the monotonic clock
  | { state: 'disabled'; message: string; suggestion: string };

export interface Live {
  connection: Connection;
  rows: readonly LiveRow[];
  truncated: boolean;
  gateways: readonly Gateway[];
  problem: string; // why other gateways are not known now
}

// What the stream needs of the browser; a test brings its own.
export interface Surroundings {
  open(url: string): EventSource;
  now(): number; // monotonic milliseconds
  random(): number;
  setTimer(action: () => void, milliseconds: number): number;
  clearTimer(timer: number): void;
}

export const browser: Surroundings = {
  open: (url) => new EventSource(url),
  now: () => performance.now(),
  random: () => Math.random(),
  setTimer: (action, milliseconds) => window.setTimeout(action, milliseconds),
  clearTimer: (timer) => window.clearTimeout(timer),
};

// Of all gateways that the server shares a view with; where it is alone, that is its own requests.
export const streamPath = '/metrics/active-requests/stream?gateways=all';

// At most one EventSource exists at any time. It is open exactly while the live view is shown and
// the page is visible, unless the server said `disabled`: that is final for the page's life.
// The snapshot is kept here, not in a table, so that a frame which comes before the table exists
// is shown when it does.
export class LiveStream {
  live: Live = { connection: { state: 'off' }, rows: [], truncated: false, gateways: [], problem: '' };

  private source: EventSource | null = null;
  private timer: number | null = null;
  private attempt = 0;
  private wanted = false;
  private visible = true;
  private readonly watchers = new Set<(live: Live) => void>();
  private readonly around: Surroundings;

  constructor(around: Surroundings = browser) {
    this.around = around;
  }

  // Calls back at once with what is known, then on each change.
  subscribe(watcher: (live: Live) => void): () => void {
    this.watchers.add(watcher);
    watcher(this.live);
    return () => this.watchers.delete(watcher);
  }

  enter(): void {
    this.wanted = true;
    this.settle();
  }

  leave(): void {
    this.wanted = false;
    this.settle();
  }

  setVisible(visible: boolean): void {
    if (this.visible === visible) return;
    this.visible = visible;
    this.settle();
  }

  // The user would rather not wait for the back-off.
  retryNow(): void {
    if (this.live.connection.state !== 'waiting') return;
    this.close();
    this.connect();
  }

  private settle(): void {
    if (this.live.connection.state === 'disabled') return;
    if (this.wanted && this.visible) {
      if (this.source === null) {
        this.close();
        this.connect();
      }
      return;
    }
    this.close();
    this.attempt = 0;
    this.tell({ connection: { state: this.wanted ? 'paused' : 'off' } });
  }

  private connect(): void {
    this.tell({ connection: { state: 'connecting' } });
    const source = this.around.open(streamPath);
    this.source = source;
    source.addEventListener('open', () => {
      if (this.source === source) this.opened();
    });
    source.addEventListener('update', (event) => {
      if (this.source === source) this.update((event as MessageEvent<string>).data);
    });
    source.addEventListener('disabled', (event) => {
      if (this.source === source) this.disable((event as MessageEvent<string>).data);
    });
    source.addEventListener('error', () => {
      if (this.source === source) this.failed();
    });
  }

  private opened(): void {
    this.tell({ connection: { state: 'open' } });
  }

  private update(data: string): void {
    let frame: Snapshot;
    try {
      frame = JSON.parse(data) as Snapshot;
    } catch {
      return; // a torn frame: the next one is a full snapshot again
    }
    // Only a frame proves the server well; an open connection that brings none keeps backing off.
    this.attempt = 0;
    this.tell({
      connection: { state: 'open' },
      rows: reduceSnapshot(this.live.rows, frame, this.around.now()),
      truncated: frame.truncated ?? false,
      gateways: frame.gateways ?? [],
      problem: frame.problem ?? '',
    });
  }

  private disable(data: string): void {
    this.close();
    let said: { message?: string; suggestion?: string } = {};
    try {
      said = JSON.parse(data) as typeof said;
    } catch {
      // The event itself says enough.
    }
    this.tell({
      connection: {
        state: 'disabled',
        message: said.message ?? 'The live view is switched off on this server.',
        suggestion: said.suggestion ?? '',
      },
      rows: [],
      truncated: false,
      gateways: [],
      problem: '',
    });
  }

  // EventSource would reconnect by itself at a fixed pace; its successor comes from here instead.
  private failed(): void {
    this.close();
    const wait = backoffMs(this.attempt, this.around.random);
    this.attempt += 1;
    this.timer = this.around.setTimer(() => {
      this.timer = null;
      this.connect();
    }, wait);
    this.tell({ connection: { state: 'waiting', attempt: this.attempt, untilMs: this.around.now() + wait } });
  }

  private close(): void {
    this.source?.close();
    this.source = null;
    if (this.timer !== null) this.around.clearTimer(this.timer);
    this.timer = null;
  }

  private tell(change: Partial<Live>): void {
    this.live = { ...this.live, ...change };
    for (const watcher of this.watchers) watcher(this.live);
  }
}
