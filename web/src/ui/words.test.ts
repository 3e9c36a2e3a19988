import { expect, test } from "vitest";
import { bytes, count, millis, rate, seconds } from "./words";

test.each([[0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [1_234_567, "1.2 MB"], [999_900, "1.0 MB"], [123_456, "123 kB"], [null, "–"]])("%s bytes are %s", (value, words) => {
  expect(bytes(value)).toBe(words);
});

test.each([[0, "0.0 s"], [9.94, "9.9 s"], [9.96, "10 s"], [89, "89 s"], [120, "2 min"], [7200, "2 h"], [172_800, "2 d"], [undefined, "–"]])("%s seconds are %s", (value, words) => {
  expect(seconds(value)).toBe(words);
});

test("counts, milliseconds and rates", () => {
  expect([count(1234.4), millis(4), millis(999), millis(1200), rate(0), rate(0.42), rate(12.2)]).toEqual(["1,234", "4.0 ms", "999 ms", "1.2 s", "0", "0.4", "12"]);
});
