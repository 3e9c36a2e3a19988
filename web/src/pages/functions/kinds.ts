// Kinds of actions: how their code is shown, and what a new one begins with.

import type { Language } from "../../ui/editor";

export function languageOf(kind: string): Language {
  if (kind.startsWith("nodejs")) return "javascript";
  if (kind.startsWith("python")) return "python";
  return "text";
}

/** The end of a file's name, to show it. */
export function languageOfFile(name: string): Language {
  if (/\.(c|m)?js$/.test(name)) return "javascript";
  if (name.endsWith(".py")) return "python";
  return name.endsWith(".json") ? "json" : "text";
}

const NODE = `// What it is called with is an object; so is what it returns. What it logs is in its record.
function main(params) {
  const name = params.name || 'stranger';
  console.log('hello to', name);
  return { greeting: \`Hello, \${name}!\` };
}
`;

const PYTHON = `# What it is called with is a dict; so is what it returns. What it prints is in its record.
def main(params):
    name = params.get("name", "stranger")
    print("hello to", name)
    return {"greeting": f"Hello, {name}!"}
`;

/** What the code of a new action begins with. */
export function template(kind: string): string {
  if (kind.startsWith("nodejs")) return NODE;
  if (kind.startsWith("python")) return PYTHON;
  return "";
}

/** The end of the name of a file with such code. */
export function fileEnd(kind: string, binary: boolean): string {
  if (binary) return ".zip";
  return kind.startsWith("nodejs") ? ".js" : kind.startsWith("python") ? ".py" : ".txt";
}

/** The components in a text, one a line. */
export function componentsFrom(text: string): string[] {
  return text.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
}
