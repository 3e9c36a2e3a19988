import { expect, test } from "vitest";
import { type Piece, SplitError, Splitter } from "./split";

function split(text: string, size: number): Piece[] {
  const splitter = new Splitter();
  const found: Piece[] = [];
  for (let at = 0; at < text.length; at += size) found.push(...splitter.push(text.slice(at, at + size)));
  return [...found, ...splitter.end()];
}

const docs = [{ _id: "a", text: 'brackets ]}[{ and "quotes" \\ and \n lines' }, { _id: "b", list: [[], {}, [{ docs: [1] }]] }, {}];
const padding = " ".repeat(5000);

test.each([
  ["an array", JSON.stringify(docs)],
  ["an array, indented", JSON.stringify(docs, null, 2)],
  ["docs", JSON.stringify({ docs })],
  ["docs with new_edits before and something behind", `{ "new_edits" : false,\n "docs" : ${JSON.stringify(docs, null, 1)}, "x": [1] }\n`],
  ["lines", docs.map((doc) => JSON.stringify(doc)).join("\n")],
  ["lines with empty ones and CRLF", `\ufeff${docs.map((doc) => JSON.stringify(doc)).join("\r\n\r\n")}\r\n`],
  ["documents one after the other, indented", docs.slice(0, 2).map((doc) => JSON.stringify(doc, null, 2)).join("\n") + '\n{\n}'],
  ["an array after much space", `${padding}${JSON.stringify(docs)}`],
])("%s, in parts of any size", (_, text) => {
  for (const size of [1, 3, 4095, 100_000]) expect(split(text, size).map((piece) => JSON.parse(piece.text))).toEqual(docs);
});

test("rows of _all_docs are told apart from documents", () => {
  const rows = [{ id: "a", key: "a", value: { rev: "1-x" }, doc: { _id: "a" } }];
  expect(split(JSON.stringify({ total_rows: 1, offset: 0, rows }), 7)).toEqual([{ text: JSON.stringify(rows[0]), line: 1, row: true }]);
});

test("a document with a field named docs is one document", () => {
  const text = '{"_id":"x","docs":[{"a":1}]}';
  expect(split(text, 5)).toEqual([{ text, line: 1, row: false }]);
});

test("a bad line is a piece of its own, and its line is known", () => {
  const found = split('{"_id":"a"}\n{"_id": oops\n\n{"_id":"c"}', 4);
  expect(found.map((piece) => [piece.line, piece.text])).toEqual([[1, '{"_id":"a"}'], [2, '{"_id": oops'], [4, '{"_id":"c"}']]);
});

test("what is no document in an array is left to be judged", () => {
  expect(split('[1, "a,]b" , null,{"x":1}]', 2).map((piece) => piece.text.trim())).toEqual(["1", '"a,]b"', "null", '{"x":1}']);
});

test.each([
  ["", 1, /nothing/],
  ["  \n ", 1, /nothing/],
  ["hello", 1, /begins with/],
  ['[{"a":1}\n,{"b":', 2, /ends within the document/],
  ['[{"a":1},', 1, /ends within the list/],
  ['[{"a":1}\n {"b":2}]', 2, /comma is expected/],
  ['[{"a":1},]', 1, /no comma/],
  ["[,1]", 1, /before the comma/],
  ['{\n"a":1}\nx', 3, /document is expected/],
  ['{"docs":[', 1, /ends within the list/],
])("%j is refused in line %i", (text, line, why) => {
  for (const size of [1, 1000])
    try {
      split(text, size);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(SplitError);
      expect(error).toMatchObject({ line, message: expect.stringMatching(why) });
    }
});

test("a large text is split in a moment, and little of it is held", () => {
  const line = `${JSON.stringify({ _id: "x", text: "y".repeat(200) })}\n`;
  const splitter = new Splitter();
  let count = 0;
  for (let part = 0; part < 100; part++) count += splitter.push(line.repeat(1000)).length;
  expect(count + splitter.end().length).toBe(100_000);
});
