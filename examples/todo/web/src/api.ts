// The API of the todos at one address: the balancer's or a region's.

import type { Fields, Todo } from "./ops";
import { token } from "./sign-in";

const ANSWER_MS = 8000;
/** Nothing more is known. */
export const NO_ANSWER = "no answer";

/** A refusal, or no answer at all (`status` 0). */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }

  /** Trying again may help: nobody answered, or not for a reason of the request's. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 401 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** `region`: which one answered, "" when it does not say. */
export interface Answer<T> {
  value: T;
  region: string;
}

/** What a todo is in one region and what in another. `version` names it. */
export interface Version extends Todo {
  version: string;
}

export class TodoApi {
  readonly #url: string;

  /** `url` is that of all todos. */
  constructor(url: string) {
    this.#url = url;
  }

  all(): Promise<Answer<Todo[]>> {
    return this.#ask<Todo[]>("GET", "");
  }

  add(fields: Fields, key: string): Promise<Answer<Todo>> {
    return this.#ask<Todo>("POST", "", fields, key);
  }

  change(id: string, fields: Fields, key: string, resolves?: string[]): Promise<Answer<Todo>> {
    return this.#ask<Todo>("PATCH", `/${encodeURIComponent(id)}`, resolves ? { ...fields, resolves } : fields, key);
  }

  async remove(id: string): Promise<Answer<null>> {
    return this.#ask<null>("DELETE", `/${encodeURIComponent(id)}`);
  }

  versions(id: string): Promise<Answer<Version[]>> {
    return this.#ask<Version[]>("GET", `/${encodeURIComponent(id)}/versions`);
  }

  async #ask<T>(method: string, path: string, body?: unknown, key?: string): Promise<Answer<T>> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["content-type"] = "application/json";
    if (key) headers["idempotency-key"] = key;
    const bearer = await token();
    if (bearer) headers.authorization = `Bearer ${bearer}`;
    let answer: Response;
    try {
      answer = await fetch(this.#url + path, {
        method,
        headers,
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.timeout(ANSWER_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      const late = error instanceof DOMException && error.name === "TimeoutError";
      throw new Refused(0, late ? `no answer within ${ANSWER_MS / 1000} s` : NO_ANSWER);
    }
    const text = await answer.text().catch(() => "");
    if (!answer.ok) throw new Refused(answer.status, reasonOf(text) || `status ${answer.status}`);
    const region = answer.headers.get("x-couchgrass-region") ?? "";
    try {
      return { value: (text ? JSON.parse(text) : null) as T, region };
    } catch {
      throw new Refused(502, "the answer is no JSON");
    }
  }
}

function reasonOf(text: string): string {
  try {
    const told = JSON.parse(text) as { error?: unknown; message?: unknown };
    return String(told.message ?? told.error ?? "");
  } catch {
    return "";
  }
}
