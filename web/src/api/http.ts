// The one place from which requests go out, and where what a server says becomes an error of ours.

/** A server's refusal, in its own words; `status` 0: there was no answer. */
export class ApiError extends Error {
  readonly status: number;
  readonly error: string;
  readonly reason: string;

  constructor(status: number, error: string, reason: string) {
    super(reason || error || `status ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.error = error;
    this.reason = reason;
  }
}

/** How long an answer may take that is no feed. */
export const ANSWER_MS = 30_000;

export interface Ask {
  method?: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is; `headers` say what it is. */
  body?: BodyInit;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Milliseconds until the beginning of the answer; 0: no limit. */
  timeoutMs?: number;
  query?: Record<string, string | number | boolean | null | undefined>;
  /** False: without the session, as somebody else, whose refusal does not end the session either. */
  session?: boolean;
  /** "manual": redirects are not followed. */
  redirect?: RequestRedirect;
}

type Listener = () => void;
let unauthorized: Listener = () => {};

/** Who is told when a server wants somebody to sign in. */
export function onUnauthorized(listener: Listener): void {
  unauthorized = listener;
}

/** The path with a query; what is null or undefined is left out. */
export function withQuery(path: string, query: Ask["query"] = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  if (!pairs.length) return path;
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]));
  return `${path}${path.includes("?") ? "&" : "?"}${text}`;
}

/** An answer that is no error. Raises ApiError. */
export async function ask(path: string, how: Ask = {}): Promise<Response> {
  const answer = await send(path, how);
  if (answer.ok) return answer;
  throw await refused(answer, how);
}

/** The error that an answer is which is no good one. Whose session has ended is asked to sign in. */
export async function refused(answer: Response, how: Ask = {}): Promise<ApiError> {
  const found = await refusal(answer);
  if (answer.status === 401 && how.session !== false) unauthorized();
  return found;
}

/** An answer, whatever its status. Raises ApiError when there is none. */
export async function send(path: string, how: Ask = {}): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json", ...how.headers };
  // No page elsewhere can send this header without asking first, so nobody acts with a user's cookie.
  headers["x-couchgrass-dashboard"] = "1";
  let body = how.body;
  if (how.json !== undefined) {
    body = JSON.stringify(how.json);
    headers["content-type"] = "application/json";
  }
  const limit = how.timeoutMs ?? ANSWER_MS;
  const stop = new AbortController();
  const timer = limit ? setTimeout(() => stop.abort(new Error("late")), limit) : 0;
  const follow = () => stop.abort(how.signal?.reason);
  how.signal?.addEventListener("abort", follow);
  if (how.signal?.aborted) follow();
  try {
    return await fetch(withQuery(path, how.query), {
      method: how.method ?? "GET",
      headers,
      credentials: how.session === false ? "omit" : "same-origin",
      cache: "no-store",
      redirect: how.redirect ?? "follow",
      signal: stop.signal,
      ...(body === undefined ? {} : { body }),
    });
  } catch (error) {
    if (how.signal?.aborted) throw error;
    const late = stop.signal.aborted;
    throw new ApiError(0, "no_answer", late ? `no answer within ${limit / 1000} s` : "the server does not answer");
  } finally {
    clearTimeout(timer);
    if (how.timeoutMs !== 0) how.signal?.removeEventListener("abort", follow);
  }
}

/** An answer's JSON. Raises ApiError. */
export async function getJson<T>(path: string, how: Ask = {}): Promise<T> {
  const answer = await ask(path, how);
  try {
    return (await answer.json()) as T;
  } catch {
    throw new ApiError(answer.status, "no_json", "the server's answer is no JSON");
  }
}

async function refusal(answer: Response): Promise<ApiError> {
  return refusalOf(answer.status, answer.statusText, await answer.text().catch(() => ""));
}

function refusalOf(status: number, statusText: string, text: string): ApiError {
  try {
    const told = JSON.parse(text) as Record<string, unknown>;
    const error = typeof told.error === "string" ? told.error : "";
    const reason = told.reason ?? told.message ?? (error.includes(" ") ? error : "");
    return new ApiError(status, error, typeof reason === "string" ? reason : JSON.stringify(reason));
  } catch {
    return new ApiError(status, statusText, text.slice(0, 300));
  }
}

/** PUTs a file, and tells how much of it is there: 0 to 1. Its answer is JSON. Raises ApiError, and what ended
 * `signal`. */
export function putFile<T>(path: string, file: Blob, how: { query?: Ask["query"]; type: string; signal: AbortSignal; progress: (part: number) => void }): Promise<T> {
  return new Promise<T>((done, failed) => {
    // The only way by which browsers say how far an upload is.
    const request = new XMLHttpRequest();
    request.open("PUT", withQuery(path, how.query));
    request.setRequestHeader("accept", "application/json");
    request.setRequestHeader("content-type", how.type);
    request.setRequestHeader("x-couchgrass-dashboard", "1");
    request.upload.onprogress = (event) => how.progress(event.total ? event.loaded / event.total : 0);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return done(JSON.parse(request.responseText) as T);
      if (request.status === 401) unauthorized();
      failed(refusalOf(request.status, request.statusText, request.responseText));
    };
    request.onerror = () => failed(new ApiError(0, "no_answer", "the server does not answer, or took no more of it"));
    request.onabort = () => failed(how.signal.reason);
    how.signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}

/** The values of a feed of JSON lines, until it ends or `signal` ends it. Raises ApiError. */
export async function* lines<T>(path: string, how: Ask = {}): AsyncGenerator<T, void> {
  const answer = await ask(path, { ...how, timeoutMs: 0 });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let held = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      held += value;
      const parts = held.split("\n");
      held = parts.pop() ?? "";
      for (const part of parts) if (part.trim()) yield JSON.parse(part) as T;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
