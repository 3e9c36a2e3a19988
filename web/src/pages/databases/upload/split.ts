// Takes documents out of a text that comes in parts, whatever form it has, and never holds more than one of
// them: an array of documents; {"docs": […]}; the rows of `_all_docs`; documents one after the other, a line
// each (NDJSON) or not.
//
// Lines are safe to split: a line break can't be inside of a JSON string. So one bad line spoils no other. In
// the other forms the brackets are counted, and the first thing that is out of place ends the reading.

/** The text of one document, and the line in which it begins. `row`: of `_all_docs`, the document is in it. */
export interface Piece {
  text: string;
  line: number;
  row: boolean;
}

/** Why a text has no documents, or no more of them. */
export class SplitError extends Error {
  readonly line: number;

  constructor(reason: string, line: number) {
    super(reason);
    this.name = "SplitError";
    this.line = line;
  }
}

/** One document may have so many characters; CouchDB's own limit is far lower. */
export const PIECE_MAX = 256 * 1024 * 1024;

const HEAD = 4096;
const ENVELOPE = /^\s*\{\s*(?:"(?:new_edits|total_rows|offset|update_seq)"\s*:\s*(?:true|false|null|-?\d+|"[^"]*")\s*,\s*)*"(docs|rows)"\s*:\s*\[/;

type Mode = "begin" | "items" | "values" | "lines" | "after";

export class Splitter {
  private mode: Mode = "begin";
  private held = "";
  /** How far `held` has been looked at, and what is open there. */
  private at = 0;
  private depth = 0;
  private inString = false;
  private escaped = false;
  /** Where in `held` a value begins; -1: between two of them. */
  private from = -1;
  private line = 1;
  private fromLine = 1;
  private row = false;
  private comma = false;
  private some = false;

  /** The documents that are whole now. Raises SplitError. */
  push(chunk: string): Piece[] {
    this.held += chunk;
    if (this.mode === "begin" && this.held.length < HEAD) return [];
    return this.read(false);
  }

  /** The last ones. Raises SplitError when the text ends within one. */
  end(): Piece[] {
    const found = this.read(true);
    if (this.mode === "lines") {
      const last = this.held.trim();
      if (last) found.push({ text: last, line: this.line, row: false });
    } else if (this.from >= 0) throw new SplitError("the text ends within the document that begins here", this.fromLine);
    else if (this.mode === "items") throw new SplitError("the text ends within the list", this.line);
    return found;
  }

  private read(last: boolean): Piece[] {
    if (this.mode === "begin") this.begin(last);
    const found = this.mode === "lines" ? this.lines() : this.values();
    if (this.held.length - Math.max(this.from, 0) > PIECE_MAX) throw new SplitError("this document is too large", this.fromLine);
    return found;
  }

  private begin(last: boolean): void {
    if (this.held.startsWith("\ufeff")) this.held = this.held.slice(1);
    const envelope = ENVELOPE.exec(this.held);
    const first = this.held.trimStart()[0];
    if (first === undefined) {
      if (last) throw new SplitError("there is nothing in it", 1);
      return;
    }
    if (envelope || first === "[") {
      const head = envelope ? envelope[0] : this.held.slice(0, this.held.indexOf("[") + 1);
      this.line += breaks(head);
      this.row = envelope?.[1] === "rows";
      this.held = this.held.slice(head.length);
      this.mode = "items";
    } else if (first === "{") this.mode = "values";
    else throw new SplitError(`JSON with documents begins with “{” or “[”, not with “${first}”`, 1);
  }

  private lines(): Piece[] {
    const found: Piece[] = [];
    let start = 0;
    for (let end = this.held.indexOf("\n"); end >= 0; end = this.held.indexOf("\n", start)) {
      const text = this.held.slice(start, end).trim();
      if (text) found.push({ text, line: this.line, row: false });
      this.line += 1;
      start = end + 1;
    }
    this.held = this.held.slice(start);
    return found;
  }

  private values(): Piece[] {
    const found: Piece[] = [];
    while (this.at < this.held.length && this.mode !== "after") {
      const character = this.held[this.at] ?? "";
      if (this.from < 0) {
        this.between(character);
        continue;
      }
      const done = this.within(character);
      if (!done) continue;
      found.push({ text: this.held.slice(this.from, this.at), line: this.fromLine, row: this.row });
      this.from = -1;
      this.some = true;
      if (this.mode === "values" && this.line === this.fromLine) {
        // The first document is a line of its own, so the others are too.
        this.mode = "lines";
        this.held = this.held.slice(this.at);
        this.at = 0;
        return [...found, ...this.lines()];
      }
    }
    const kept = this.from >= 0 ? this.from : this.at;
    this.held = this.mode === "after" ? "" : this.held.slice(kept);
    this.at = this.mode === "after" ? 0 : this.at - kept;
    if (this.from >= 0) this.from = 0;
    return found;
  }

  /** Between two values: white space, a comma, the end of the list, or the next one's beginning. */
  private between(character: string): void {
    if (character === "\n") this.line += 1;
    if (/\s/.test(character)) {
      this.at += 1;
    } else if (this.mode === "items" && character === "]") {
      if (this.comma) throw new SplitError("no comma before the end of the list", this.line);
      this.mode = "after";
    } else if (this.mode === "items" && character === ",") {
      if (this.comma || !this.some) throw new SplitError("a document is expected before the comma", this.line);
      this.comma = true;
      this.at += 1;
    } else {
      if (this.mode === "items" && this.some && !this.comma) throw new SplitError(`a comma is expected before “${character}”`, this.line);
      if (this.mode === "values" && character !== "{") throw new SplitError(`a document is expected, not “${character}”`, this.line);
      this.comma = false;
      this.from = this.at;
      this.fromLine = this.line;
      this.depth = 0;
    }
  }

  /** One character of a value; true: it ends before `at`. */
  private within(character: string): boolean {
    if (character === "\n") this.line += 1;
    if (this.inString) {
      if (this.escaped) this.escaped = false;
      else if (character === "\\") this.escaped = true;
      else if (character === '"') this.inString = false;
      this.at += 1;
      return false;
    }
    if (this.depth === 0 && this.at > this.from && (character === "," || character === "]")) return true;
    if (character === '"') this.inString = true;
    else if (character === "{" || character === "[") this.depth += 1;
    else if (character === "}" || character === "]") {
      this.depth -= 1;
      this.at += 1;
      return this.depth <= 0;
    }
    this.at += 1;
    return false;
  }
}

const breaks = (text: string) => text.split("\n").length - 1;
