// Asks again and again while somebody looks: the next question goes out a period after the last
// answer, so that a slow server is never asked twice at once.
export function startPolling(periodMs: number, ask: () => Promise<void>): () => void {
  let stopped = false;
  let timer = 0;
  const turn = async (): Promise<void> => {
    await ask();
    if (!stopped) timer = window.setTimeout(turn, periodMs);
  };
  void turn();
  return () => {
    stopped = true;
    window.clearTimeout(timer);
  };
}
