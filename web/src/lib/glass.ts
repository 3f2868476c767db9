// The sight glass itself: every request in flight is a bubble in a pipe. It enters at the left and
// drifts right as it ages; the scale is logarithmic, so that a second and ten minutes both have
// room. Filled bubbles stream, rings do not; the colour is the provider's.
import { hashOf, hueCount, hueOf } from './provider.ts';
import type { LiveRow } from './rows.ts';

export const shortestMs = 300;
// How long the glass is: just long enough for the oldest request, in steps, so that it rarely moves.
const spansMs = [20_000, 120_000, 600_000, 3_600_000] as const;
export const scaleMarks: readonly [number, string][] = [
  [1000, '1s'],
  [10_000, '10s'],
  [60_000, '1m'],
  [300_000, '5m'],
  [1_800_000, '30m'],
];

export function spanFor(oldestMs: number): number {
  return spansMs.find((span) => oldestMs < span * 0.8) ?? spansMs[3];
}

// Where an age lies along the glass: 0 at the left end, 1 at the right.
export function positionOf(ageMs: number, longestMs: number): number {
  const clamped = Math.min(longestMs, Math.max(shortestMs, ageMs));
  return Math.log(clamped / shortestMs) / Math.log(longestMs / shortestMs);
}

// A request's lane, from its id alone: the same in every frame. 0 to 1.
export function laneOf(id: string): number {
  return ((hashOf(id) >>> 8) & 0xffff) / 0xffff;
}

interface Leaving {
  row: LiveRow;
  leftMs: number;
}

const leaveMs = 700;
const drawnRows = 2000; // beyond, bubbles only cover each other

export class Glass {
  longestMs: number = spansMs[0];
  private rows: readonly LiveRow[] = [];
  private leaving: Leaving[] = [];
  private hues: string[] = [];
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D | null;

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.readColours();
  }

  readColours(): void {
    const style = getComputedStyle(this.canvas);
    this.hues = Array.from({ length: hueCount }, (_, hue) => style.getPropertyValue(`--hue-${hue}`).trim());
  }

  setRows(rows: readonly LiveRow[], nowMs: number): void {
    const here = new Set(rows.map((row) => row.request_id));
    const left = this.rows.filter((row) => !here.has(row.request_id)).slice(0, 200);
    this.leaving = [...this.leaving, ...left.map((row) => ({ row, leftMs: nowMs }))].slice(-400);
    this.rows = rows.slice(0, drawnRows);
  }

  get still(): boolean {
    return this.rows.length === 0 && this.leaving.length === 0;
  }

  draw(nowMs: number): void {
    const context = this.context;
    if (!context) return;
    const scale = window.devicePixelRatio || 1;
    const width = this.canvas.clientWidth;
    const height = this.canvas.clientHeight;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    this.leaving = this.leaving.filter((each) => nowMs - each.leftMs < leaveMs);
    for (const { row, leftMs } of this.leaving) {
      const gone = (nowMs - leftMs) / leaveMs;
      this.bubble(context, row, leftMs - row.began_ms, width, height, 1 + gone * 0.9, (1 - gone) * 0.6, true);
    }
    for (const row of this.rows) this.bubble(context, row, nowMs - row.began_ms, width, height, 1, 0.92, !row.is_streaming);
    context.globalAlpha = 1;
  }

  private bubble(
    context: CanvasRenderingContext2D,
    row: LiveRow,
    ageMs: number,
    width: number,
    height: number,
    grow: number,
    alpha: number,
    ring: boolean,
  ): void {
    const size = Math.min(1, Math.log10(1 + row.input_tokens + row.output_tokens) / 5);
    const radius = (3.5 + size * 4) * grow;
    const margin = 9;
    const x = margin + positionOf(ageMs, this.longestMs) * (width - 2 * margin);
    const y = margin + laneOf(row.request_id) * (height - 2 * margin);
    context.globalAlpha = alpha;
    context.beginPath();
    context.arc(x, y, radius, 0, Math.PI * 2);
    const hue = this.hues[hueOf(row.provider)] ?? '';
    if (ring) {
      context.strokeStyle = hue;
      context.lineWidth = 1.75;
      context.stroke();
    } else {
      context.fillStyle = hue;
      context.fill();
    }
  }
}
