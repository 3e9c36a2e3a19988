// What is done only while somebody can see the page: a hidden one asks nobody.

/** Runs `work` whenever the page comes into sight; its signal ends when the page is hidden. Gives what ends all. */
export function whileSeen(work: (hidden: AbortSignal) => void): () => void {
  let stop: AbortController | null = null;
  const look = () => {
    if (document.hidden) {
      stop?.abort();
      stop = null;
    } else if (!stop) {
      stop = new AbortController();
      work(stop.signal);
    }
  };
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    stop?.abort();
  };
}

/** After so many milliseconds, or when `over` ends. */
export function pause(ms: number, over: AbortSignal): Promise<void> {
  return new Promise((go) => {
    const end = () => {
      clearTimeout(timer);
      over.removeEventListener("abort", end);
      go();
    };
    const timer = setTimeout(end, ms);
    over.addEventListener("abort", end);
    if (over.aborted) end();
  });
}
