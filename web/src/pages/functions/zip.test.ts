import { expect, test } from "vitest";
import { fromBase64, unzipped, zipFiles } from "./zip";

// Made by Python's zipfile: a folder, a deflated __main__.py, a stored lib/n.txt.
const ZIP = "UEsDBBQAAAAAAAAAIVAAAAAAAAAAAAAAAAAEAAAAbGliL1BLAwQUAAAACAAAACFQed+dsBUAAACgAAAACwAAAF9fbWFpbl9fLnB5q1CwVTDkqhhkpLJCSUaqQmpeChcAUEsDBBQAAAAAAAAAIVCGphA2BQAAAAUAAAAJAAAAbGliL24udHh0aGVsbG9QSwECFAMUAAAAAAAAACFQAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAgAEAAAAAbGliL1BLAQIUAxQAAAAIAAAAIVB5352wFQAAAKAAAAALAAAAAAAAAAAAAACAASIAAABfX21haW5fXy5weVBLAQIUAxQAAAAAAAAAIVCGphA2BQAAAAUAAAAJAAAAAAAAAAAAAACAAWAAAABsaWIvbi50eHRQSwUGAAAAAAMAAwCiAAAAjAAAAAAA";

test("a zip's files are told with their sizes, without its folders", () => {
  const files = zipFiles(fromBase64(ZIP)!);
  expect(files?.map((file) => [file.name, file.size, file.method])).toEqual([["__main__.py", 160, 8], ["lib/n.txt", 5, 0]]);
});

test("its files can be read", async () => {
  const bytes = fromBase64(ZIP)!;
  const texts = await Promise.all(zipFiles(bytes)!.map(async (file) => new TextDecoder().decode(await unzipped(bytes, file))));
  expect(texts).toEqual(["x = 1\n".repeat(25) + "# the end\n", "hello"]);
});

test("what is no zip, or only a part of one, is not taken for one", async () => {
  const bytes = fromBase64(ZIP)!;
  expect(zipFiles(new Uint8Array([1, 2, 3]))).toBeNull();
  expect(zipFiles(bytes.slice(40))).toBeNull();
  expect(fromBase64("def main(): pass")).toBeNull();
  await expect(unzipped(bytes, { name: "x", size: 1, packed: 1, method: 8, at: 5 })).rejects.toThrow(/damaged/);
});
