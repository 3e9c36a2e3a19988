// JSON as text. JavaScript's numbers are too small for some that a database keeps (12345678901234567890, 1.0),
// so what a person edits or moves from one database to another is never taken apart and put together again.

import type { Json } from "./couch";

/** A value in a text, from `start` to `end`. */
export interface Node {
  kind: "object" | "array" | "other";
  start: number;
  end: number;
  /** Of an object, in order; a name that comes twice is there twice. */
  members: readonly { name: string; value: Node }[];
  items: readonly Node[];
}

/** Why a text is no JSON, and where: lines and columns count from 1. */
export class JsonError extends Error {
  readonly line: number;
  readonly column: number;

  constructor(reason: string, text: string, at: number) {
    super(reason);
    this.name = "JsonError";
    const before = text.slice(0, at);
    this.line = before.split("\n").length;
    this.column = at - before.lastIndexOf("\n");
  }
}

const DEPTH_MAX = 900;
const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const WORDS = ["true", "false", "null"];

/** Takes a text apart. Raises JsonError. */
export function scan(text: string): Node {
  const reader = new Reader(text);
  reader.space();
  if (reader.at >= text.length) throw reader.wrong("there is nothing here");
  const node = reader.value(0);
  reader.space();
  if (reader.at < text.length) throw reader.wrong(`nothing may follow the end, but ${reader.seen()} does`);
  return node;
}

class Reader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  wrong(reason: string, at = this.at): JsonError {
    return new JsonError(reason, this.text, at);
  }

  seen(): string {
    const character = this.text.codePointAt(this.at);
    return character === undefined ? "the end" : `“${String.fromCodePoint(character)}”`;
  }

  skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) return false;
    this.at = pattern.lastIndex;
    return true;
  }

  space(): void {
    this.skip(SPACE);
  }

  value(depth: number): Node {
    if (depth > DEPTH_MAX) throw this.wrong(`more than ${DEPTH_MAX} levels deep`);
    const start = this.at;
    switch (this.text[start]) {
      case "{":
        return this.object(start, depth);
      case "[":
        return this.array(start, depth);
      case '"':
        this.string();
        break;
      default: {
        const word = WORDS.find((one) => this.text.startsWith(one, start));
        if (word) this.at += word.length;
        else if (!this.skip(NUMBER)) throw this.wrong(`a value is expected, not ${this.seen()}`);
      }
    }
    return { kind: "other", start, end: this.at, members: [], items: [] };
  }

  string(): string {
    const start = this.at;
    this.at += 1;
    for (;;) {
      this.skip(PLAIN);
      const character = this.text[this.at];
      if (character === '"') break;
      if (character === "\\") {
        if (!this.skip(ESCAPE)) throw this.wrong("no such escape: \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u1234 are the ones");
      } else if (character === undefined || character === "\n") throw this.wrong("the string does not end in its line", character === undefined ? start : this.at);
      else throw this.wrong("a control character has to be escaped");
    }
    this.at += 1;
    return JSON.parse(this.text.slice(start, this.at)) as string;
  }

  object(start: number, depth: number): Node {
    const members: { name: string; value: Node }[] = [];
    this.all("}", () => {
      if (this.text[this.at] !== '"') throw this.wrong(`a name in quotes is expected, not ${this.seen()}`);
      const name = this.string();
      this.space();
      if (this.text[this.at] !== ":") throw this.wrong(`a colon is expected after the name, not ${this.seen()}`);
      this.at += 1;
      this.space();
      members.push({ name, value: this.value(depth + 1) });
    });
    return { kind: "object", start, end: this.at, members, items: [] };
  }

  array(start: number, depth: number): Node {
    const items: Node[] = [];
    this.all("]", () => items.push(this.value(depth + 1)));
    return { kind: "array", start, end: this.at, members: [], items };
  }

  all(end: string, one: () => void): void {
    this.at += 1;
    this.space();
    if (this.text[this.at] === end) {
      this.at += 1;
      return;
    }
    for (;;) {
      one();
      this.space();
      const character = this.text[this.at];
      if (character === end) {
        this.at += 1;
        return;
      }
      if (character !== ",") throw this.wrong(`a comma or “${end}” is expected, not ${this.seen()}`);
      this.at += 1;
      this.space();
      if (this.text[this.at] === end) throw this.wrong(`no comma before “${end}”`);
    }
  }
}

/** The text anew, indented by two, each number and string as it was. `sorted`: by names, so that two texts
 * of the same value are the same. Raises JsonError. */
export function pretty(text: string, sorted = false): string {
  return indented(text, scan(text), sorted, "");
}

function indented(text: string, node: Node, sorted: boolean, indent: string): string {
  const deeper = `${indent}  `;
  if (node.kind === "object") {
    if (!node.members.length) return "{}";
    const members = sorted ? [...node.members].sort((a, b) => (a.name < b.name ? -1 : 1)) : node.members;
    return `{\n${members.map((one) => `${deeper}${JSON.stringify(one.name)}: ${indented(text, one.value, sorted, deeper)}`).join(",\n")}\n${indent}}`;
  }
  if (node.kind === "array") {
    if (!node.items.length) return "[]";
    return `[\n${node.items.map((one) => deeper + indented(text, one, sorted, deeper)).join(",\n")}\n${indent}]`;
  }
  return text.slice(node.start, node.end);
}

/** An object's members, each as its own text; of a name that comes twice the last counts. Raises JsonError. */
export function members(text: string): Map<string, string> {
  const node = scan(text);
  return new Map(node.members.map((one) => [one.name, text.slice(one.value.start, one.value.end)]));
}

/** The text of an object with these members. */
export function object(from: Iterable<readonly [string, string]>): string {
  return `{${[...from].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}

/** A short text for a cell. */
export function brief(value: Json | undefined, max = 120): string {
  if (value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > max ? `${text.slice(0, max - 1)}…` : text;
}
