// JSON that comes back as it was: a number that JavaScript can't hold stays the text that it is, an object
// keeps the order of its members, and `__proto__` is a name like any other.

export type Json = null | boolean | number | string | Exact | Json[] | JsonMap;
export type JsonMap = Map<string, Json>;

/** A number as it is written, where JavaScript would write another: 12345678901234567890, 1.0, 1e3. */
export class Exact {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A text that is no JSON; the message says where. */
export class JsonError extends Error {}

/** Deeper ones are refused, as by the servers. */
const DEEP_MAX = 1000;

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\.)*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;

/** Raises JsonError. */
export function parse(text: string): Json {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

/** An object's members. Raises JsonError for anything else. */
export function parseObject(text: string): JsonMap {
  const value = parse(text);
  if (!(value instanceof Map)) throw new JsonError("A document is a JSON object: { … }");
  return value;
}

class Reader {
  private at = 0;

  constructor(private readonly text: string) {
    this.token(SPACE);
  }

  value(deep: number): Json {
    if (deep > DEEP_MAX) this.fail(`less than ${DEEP_MAX} levels`);
    const first = this.text[this.at];
    if (first === "{") return this.object(deep);
    if (first === "[") return this.list(deep);
    if (first === '"') return this.string();
    const number = this.token(NUMBER);
    if (number !== null) return String(Number(number)) === number ? Number(number) : new Exact(number);
    const word = this.token(WORD);
    if (word === null) this.fail("a value");
    return word === "null" ? null : word === "true";
  }

  end(): void {
    if (this.at < this.text.length) this.fail("the end");
  }

  private object(deep: number): JsonMap {
    const found: JsonMap = new Map();
    this.skip("{");
    if (this.is("}")) return found;
    do {
      if (this.text[this.at] !== '"') this.fail("a name in double quotes");
      const name = this.string();
      this.skip(":");
      found.set(name, this.value(deep + 1));
    } while (this.is(","));
    this.skip("}", "a comma or }");
    return found;
  }

  private list(deep: number): Json[] {
    const found: Json[] = [];
    this.skip("[");
    if (this.is("]")) return found;
    do found.push(this.value(deep + 1));
    while (this.is(","));
    this.skip("]", "a comma or ]");
    return found;
  }

  private string(): string {
    const before = this.at;
    const text = this.token(STRING);
    try {
      if (text !== null) return JSON.parse(text) as string;
    } catch {
      this.at = before;
    }
    return this.fail("a text without line breaks that ends with a double quote");
  }

  private is(mark: string): boolean {
    if (this.text[this.at] !== mark) return false;
    this.at += 1;
    this.token(SPACE);
    return true;
  }

  private skip(mark: string, what = mark): void {
    if (!this.is(mark)) this.fail(what);
  }

  private token(kind: RegExp): string | null {
    kind.lastIndex = this.at;
    const found = kind.exec(this.text);
    if (!found) return null;
    this.at += found[0].length;
    if (kind !== SPACE) this.token(SPACE);
    return found[0];
  }

  private fail(expected: string): never {
    const before = this.text.slice(0, this.at).split("\n");
    throw new JsonError(`Line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: expected ${expected}.`);
  }
}

/** As JSON; with `indent` over several lines. */
export function write(value: Json, indent = 0, margin = ""): string {
  if (value instanceof Exact) return value.text;
  const isMap = value instanceof Map;
  if (!isMap && !Array.isArray(value)) return JSON.stringify(value);
  const inner = margin + " ".repeat(indent);
  const parts = isMap
    ? [...value].map(([name, one]) => `${JSON.stringify(name)}:${indent ? " " : ""}${write(one, indent, inner)}`)
    : value.map((one) => write(one, indent, inner));
  const [open, close] = isMap ? ["{", "}"] : ["[", "]"];
  if (!parts.length) return open + close;
  return indent ? `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${margin}${close}` : open + parts.join(",") + close;
}

/** Whether they say the same; the order of an object's members says nothing. undefined: not there. */
export function same(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (one instanceof Exact) return other instanceof Exact && one.text === other.text;
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((value, at) => same(value, other[at]));
  }
  if (!(one instanceof Map) || !(other instanceof Map) || one.size !== other.size) return false;
  return [...one].every(([name, value]) => other.has(name) && same(value, other.get(name)));
}

/** A copy that shares nothing that can be changed. */
export function copy(value: Json): Json {
  if (Array.isArray(value)) return value.map(copy);
  if (value instanceof Map) return new Map([...value].map(([name, one]) => [name, copy(one)]));
  return value;
}
