// Reads documents from a file and writes them in batches. What the server refuses is kept, with its reason.

import { ApiError, ask } from "../../../api/http";
import { dbPath, type Written } from "../../../api/couch";
import { newId } from "../ids";
import { Batches, bulkBody, isRefused, ready, type Ready, type Refused, refusedOf, type Revs } from "./batch";
import { type Piece, SplitError, Splitter } from "./split";

/** So many refused documents are kept to be seen and downloaded; the others are counted. */
export const REFUSED_MAX = 10_000;
const BATCH_MS = 120_000;
/** Answers to a batch that may be one document's fault: it is tried in halves. */
const isOnesFault = (error: ApiError) => [400, 412, 413].includes(error.status) || error.error === "doc_validation";

export interface Survey {
  docs: number;
  withRev: number;
  refused: Refused[];
  refusedCount: number;
}

export interface State {
  /** Of the file's bytes about as many are done with. */
  done: number;
  size: number;
  written: number;
  refused: Refused[];
  refusedCount: number;
}

/** The documents of a file, a few at a time. Raises SplitError. */
async function* pieces(file: Blob, signal: AbortSignal): AsyncGenerator<{ found: Piece[]; done: number }, void> {
  const splitter = new Splitter();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = file.stream().getReader();
  let done = 0;
  try {
    for (;;) {
      const part = await reader.read();
      signal.throwIfAborted();
      if (part.done) break;
      done += part.value.byteLength;
      yield { found: splitter.push(decoded(decoder, part.value)), done };
    }
    yield { found: [...splitter.push(decoded(decoder)), ...splitter.end()], done };
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function decoded(decoder: TextDecoder, bytes?: Uint8Array): string {
  try {
    return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
  } catch {
    throw new SplitError("it is no text in UTF-8", 0);
  }
}

/** Reads all of it, and writes nothing. Raises SplitError. */
export async function survey(file: Blob, progress: (done: number) => void, signal: AbortSignal): Promise<Survey> {
  const seen: Survey = { docs: 0, withRev: 0, refused: [], refusedCount: 0 };
  for await (const { found, done } of pieces(file, signal)) {
    for (const piece of found) {
      const one = ready(piece, () => "new");
      if (isRefused(one)) keep(seen, [one]);
      else {
        seen.docs += 1;
        if (one.hasRev) seen.withRev += 1;
      }
    }
    progress(done);
  }
  return seen;
}

function keep(to: { refused: Refused[]; refusedCount: number }, more: readonly Refused[]): void {
  to.refusedCount += more.length;
  to.refused.push(...more.slice(0, Math.max(0, REFUSED_MAX - to.refused.length)));
}

export interface How {
  db: string;
  file: Blob;
  revs: Revs;
  signal: AbortSignal;
  progress: (state: State) => void;
  /** The server could not take a batch at all; true: it is sent again. */
  again: (error: ApiError) => Promise<boolean>;
}

/** Writes all of it. Raises SplitError, and what ended `signal`. */
export async function upload(how: How): Promise<State> {
  const state: State = { done: 0, size: how.file.size, written: 0, refused: [], refusedCount: 0 };
  const batches = new Batches();
  const send = async (batch: readonly Ready[]) => {
    if (!batch.length) return;
    const refused = await sendBatch(how, batch);
    keep(state, refused);
    state.written += batch.length - refused.length;
    state.done = Math.min(state.size, batch.reduce((chars, one) => chars + one.text.length, state.done));
    how.progress({ ...state });
  };
  for await (const { found } of pieces(how.file, how.signal)) {
    for (const piece of found) {
      const one = ready(piece, newId);
      if (isRefused(one)) keep(state, [one]);
      else await send(batches.push(one) ?? []);
    }
  }
  await send(batches.take());
  state.done = state.size;
  how.progress({ ...state });
  return state;
}

async function sendBatch(how: How, batch: readonly Ready[]): Promise<Refused[]> {
  for (;;) {
    how.signal.throwIfAborted();
    try {
      return refusedOf(batch, await bulk(how, batch), how.revs);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const [first] = batch;
      if (isOnesFault(error)) {
        if (batch.length === 1 && first) return [{ id: first.id, line: first.line, reason: `${error.error}: ${error.reason}`, text: first.text }];
        const half = Math.ceil(batch.length / 2);
        return [...(await sendBatch(how, batch.slice(0, half))), ...(await sendBatch(how, batch.slice(half)))];
      }
      if (!(await how.again(error))) throw error;
    }
  }
}

async function bulk(how: How, batch: readonly Ready[]): Promise<Written[]> {
  const answer = await ask(dbPath(how.db, "_bulk_docs"), {
    method: "POST",
    body: bulkBody(batch, how.revs),
    headers: { "content-type": "application/json" },
    signal: how.signal,
    timeoutMs: BATCH_MS,
  });
  return (await answer.json()) as Written[];
}
