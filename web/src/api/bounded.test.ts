import { expect, test } from "vitest";
import { readSome } from "./bounded";

const pieces = (...lengths: number[]) => new ReadableStream<Uint8Array>({
  start(out) {
    for (const length of lengths) out.enqueue(new Uint8Array(length).fill(7));
    out.close();
  },
});

test("a small answer is read whole", async () => {
  const read = await readSome(new Response(pieces(3, 4)), 7);
  expect([read.bytes.length, read.whole]).toEqual([7, true]);
});

test("of one that says that it is large nothing is read", async () => {
  const read = await readSome(new Response(pieces(9), { headers: { "content-length": "9" } }), 8);
  expect(read).toEqual({ bytes: new Uint8Array(), whole: false, size: 9 });
});

test("one that does not say its size is read as far as wanted", async () => {
  const read = await readSome(new Response(pieces(5, 5, 5)), 8);
  expect([read.bytes.length, read.whole, read.size]).toEqual([8, false, null]);
});
