import { expect, test } from "vitest";
import { came, EMPTY, held, pause, resume, type Row, ROWS_MAX } from "./feed";

const row = (seq: number): Row => ({ seq, id: `d${seq}`, changes: [], heard: seq });
const rows = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => row(from + at));

test("the newest is first, and there are never too many", () => {
  const feed = came(came(EMPTY, rows(1, 400)), rows(401, 700));
  expect([feed.rows.length, feed.rows[0]?.seq, feed.rows.at(-1)?.seq]).toEqual([ROWS_MAX, 700, 201]);
});

test("paused, nothing moves; what came is counted, and there when it goes on", () => {
  const still = came(pause(came(EMPTY, rows(1, 3))), rows(4, 900));
  expect([still.rows.length, held(still), still.waiting.length]).toEqual([3, 897, ROWS_MAX]);
  const on = resume(still);
  expect([on.rows.length, on.rows[0]?.seq, held(on), on.paused]).toEqual([ROWS_MAX, 900, 0, false]);
});
