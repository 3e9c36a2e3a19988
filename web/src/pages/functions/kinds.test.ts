import { expect, test } from "vitest";
import { componentsFrom, fileEnd, languageOf, languageOfFile, template } from "./kinds";

test.each([["nodejs:20", "javascript", ".js"], ["python:3", "python", ".py"], ["swift:5", "text", ".txt"]])("%s is shown as %s", (kind, language, end) => {
  expect([languageOf(kind), fileEnd(kind, false), fileEnd(kind, true)]).toEqual([language, end, ".zip"]);
});

test("files are shown by the end of their names", () => {
  expect(["a/index.mjs", "__main__.py", "package.json", "README"].map(languageOfFile)).toEqual(["javascript", "python", "json", "text"]);
});

test("a new action begins with a main where it is known how one looks", () => {
  expect(template("python:3")).toContain("def main(params)");
  expect(template("nodejs:8")).toContain("function main(params)");
  expect(template("swift:5")).toBe("");
});

test("components are read one a line, or with commas", () => {
  expect(componentsFrom(" /guest/a \n\n/guest/b, /guest/c")).toEqual(["/guest/a", "/guest/b", "/guest/c"]);
});
