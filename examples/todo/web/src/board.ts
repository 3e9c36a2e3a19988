// The todos at one address: asked again and again, with what the user did laid over them. What can't be saved
// is kept, tried again, and survives a reload.

import { computed, signal } from "@preact/signals";
import { Refused, TodoApi, type Version } from "./api";
import { acked, type Fields, forgotten, type Op, queued, shown, type Todo, waiting } from "./ops";
import type { Place } from "./places";

const POLL_MS = 600;
/** For a while after a change elsewhere, so that its arrival is seen when it happens. */
const QUICK_POLL_MS = 40;
const QUICK_FOR_MS = 6000;
const RETRY_MS = [300, 600, 1200, 2500, 5000];
/** So often a 404 is tried again: another region may answer before the todo has come to it. */
const GONE_TRIES = 8;

/** A change that was acknowledged somewhere: which todo, and how to see that it arrived. */
export interface Travelling {
  id: string;
  at: number;
  arrived: (list: readonly Todo[]) => boolean;
}

export class Board {
  readonly place: Place;
  readonly api: TodoApi;
  /** undefined: nothing came yet. */
  readonly server = signal<Todo[] | undefined>(undefined);
  readonly ops = signal<Op[]>([]);
  /** Which region answered last. */
  readonly region = signal("");
  /** What is wrong, "" when the last answer was good. */
  readonly failed = signal("");
  readonly needsSignIn = signal(false);
  /** When the next try is, in milliseconds since the epoch; 0: none is waited for. */
  readonly nextTry = signal(0);
  /** Milliseconds that changes made at other boards took to be seen here, by todo. */
  readonly arrivals = signal<Record<string, number>>({});
  readonly list = computed(() => shown(this.server.value ?? [], this.ops.value));
  readonly unsaved = computed(() => waiting(this.ops.value));
  readonly refused = computed(() => this.ops.value.filter((op) => op.refused));
  /** Called when the server took a change. */
  onAcked: (what: Travelling) => void = () => {};

  #sending: string | null = null;
  #tries = 0;
  #over = false;
  #timer = 0;
  #quickUntil = 0;
  #asking = false;
  #wake: (() => void) | null = null;
  #expected: Travelling[] = [];
  /** The ids that todos which were added here had on the screen at first. */
  readonly #firstIds = new Map<string, string>();

  constructor(place: Place) {
    this.place = place;
    this.api = new TodoApi(place.url);
    this.ops.value = kept(this.#key);
    void this.#poll();
    void this.#send();
    document.addEventListener("visibilitychange", this.#seen);
    addEventListener("online", this.#seen);
  }

  close(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#seen);
    removeEventListener("online", this.#seen);
    this.#wake?.();
  }

  /** A todo's name for as long as it is on the screen: its real id must not end what the user types in it. */
  keyOf(id: string): string {
    return this.#firstIds.get(id) ?? id;
  }

  // --- what the user does

  add(title: string): void {
    const key = random();
    this.#take({ kind: "add", key, temporary: `new-${Date.now()}-${key}`, fields: { title, completed: false, order: Date.now() } });
  }

  change(id: string, fields: Fields): void {
    this.#take({ kind: "patch", key: random(), id, fields });
  }

  /** Stands for all the versions that were seen. */
  resolve(id: string, fields: Fields, versions: readonly Version[]): void {
    this.#take({ kind: "patch", key: random(), id, fields, resolves: versions.map((one) => one.version) });
  }

  remove(id: string): void {
    this.#take({ kind: "remove", key: random(), id });
  }

  /** Gives up what the server refused. */
  discard(key: string): void {
    this.#set(this.ops.value.filter((op) => op.key !== key));
  }

  /** Tries at once. */
  again = (): void => {
    this.#tries = 0;
    this.#wake?.();
    clearTimeout(this.#timer);
    void this.#poll();
  };

  /** Looks for a change that another board made. */
  expect(what: Travelling): void {
    this.#expected.push(what);
    this.#quickUntil = Date.now() + QUICK_FOR_MS;
    clearTimeout(this.#timer);
    void this.#poll();
  }

  // --- to the server

  #take(op: Op): void {
    this.#set(queued(this.ops.value, op, this.#sending));
    this.#wake?.();
  }

  #set(ops: Op[]): void {
    this.ops.value = ops;
    keep(this.#key, ops.filter((op) => op.acked === undefined));
  }

  get #key(): string {
    return `todo-unsaved ${this.place.url}`;
  }

  async #send(): Promise<void> {
    while (!this.#over) {
      const op = waiting(this.ops.value)[0];
      if (!op) {
        await new Promise<void>((go) => { this.#wake = go; });
        continue;
      }
      this.#sending = op.key;
      try {
        await this.#save(op);
        this.#tries = 0;
        this.nextTry.value = 0;
      } catch (error) {
        await this.#refusedOr(op, error instanceof Refused ? error : new Refused(0, String(error)));
      }
      this.#sending = null;
    }
  }

  async #save(op: Op): Promise<void> {
    let id: string | undefined;
    let region: string;
    if (op.kind === "add") {
      const answer = await this.api.add(op.fields, op.key);
      ({ id } = answer.value);
      this.#firstIds.set(id, op.temporary);
      region = answer.region;
    } else if (op.kind === "patch") {
      ({ region } = await this.api.change(op.id, op.fields, op.key, op.resolves));
    } else {
      ({ region } = await this.api.remove(op.id).catch((error: unknown) => {
        if (error instanceof Refused && error.status === 404) return { region: "" };
        throw error;
      }));
    }
    const at = Date.now();
    if (region) this.region.value = region;
    this.#set(acked(this.ops.value, op.key, at, id));
    this.onAcked({ id: id ?? (op as { id: string }).id, at, arrived: arrivalOf(op, id) });
  }

  async #refusedOr(op: Op, error: Refused): Promise<void> {
    this.#tries += 1;
    this.needsSignIn.value = error.status === 401;
    const mayCome = error.status === 404 && this.#tries <= GONE_TRIES;
    const meanwhile = error.status === 409 && !(op.kind === "patch" && op.resolves) && this.#tries <= GONE_TRIES;
    if (!error.isPassing && !mayCome && !meanwhile) {
      this.#tries = 0;
      this.#set(this.ops.value.map((one) => (one.key === op.key ? { ...one, refused: error.message } : one)));
      return;
    }
    if (!mayCome && !meanwhile) this.failed.value = error.message;
    const pause = RETRY_MS[Math.min(this.#tries, RETRY_MS.length) - 1] ?? 0;
    this.nextTry.value = Date.now() + pause;
    await new Promise<void>((go) => {
      this.#wake = go;
      setTimeout(go, pause);
    });
  }

  // --- from the server

  #seen = (): void => {
    if (!document.hidden) this.again();
  };

  async #poll(): Promise<void> {
    if (this.#asking || this.#over) return;
    this.#asking = true;
    try {
      const { value, region } = await this.api.all();
      const now = Date.now();
      this.#arrived(value, now);
      this.server.value = value;
      if (region) this.region.value = region;
      this.failed.value = "";
      this.needsSignIn.value = false;
      const rest = forgotten(this.ops.value, value, now);
      if (rest.length !== this.ops.value.length) this.#set(rest);
    } catch (error) {
      this.failed.value = error instanceof Error ? error.message : String(error);
      this.needsSignIn.value = error instanceof Refused && error.status === 401;
    } finally {
      this.#asking = false;
    }
    if (this.#over) return;
    clearTimeout(this.#timer);
    const pause = Date.now() < this.#quickUntil && this.#expected.length ? QUICK_POLL_MS : POLL_MS;
    this.#timer = window.setTimeout(() => { if (!document.hidden) void this.#poll(); }, pause);
  }

  #arrived(list: readonly Todo[], now: number): void {
    const there = this.#expected.filter((one) => one.arrived(list));
    if (there.length) {
      this.arrivals.value = { ...this.arrivals.value, ...Object.fromEntries(there.map((one) => [one.id, now - one.at])) };
    }
    this.#expected = this.#expected.filter((one) => !there.includes(one) && now - one.at < 10 * QUICK_FOR_MS);
  }
}

/** How a list shows that it has the change. Pure. */
export function arrivalOf(op: Op, id: string | undefined): (list: readonly Todo[]) => boolean {
  const wanted = id ?? (op as { id: string }).id;
  return (list) => {
    const todo = list.find((one) => one.id === wanted);
    if (op.kind === "remove") return !todo;
    return Boolean(todo) && Object.entries(op.fields).every(([name, value]) => todo?.[name as keyof Todo] === value);
  };
}

function random(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function kept(key: string): Op[] {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "[]") as Op[];
  } catch {
    return [];
  }
}

function keep(key: string, ops: readonly Op[]): void {
  try {
    if (ops.length) localStorage.setItem(key, JSON.stringify(ops));
    else localStorage.removeItem(key);
  } catch {
    // Without storage it is kept as long as the page.
  }
}
