// Where in a document something is.

/** Names of members and places in lists, from the outside in. */
export type Path = readonly (string | number)[];

/** As people write it: address.lines[2]["odd name"]; "" is the document itself. */
export function pathWords(path: Path): string {
  let words = "";
  for (const part of path) {
    if (typeof part === "number") words += `[${part}]`;
    else if (/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(part)) words += words ? `.${part}` : part;
    else words += `[${JSON.stringify(part)}]`;
  }
  return words;
}

/** The same for the same path alone. */
export const pathKey = (path: Path) => JSON.stringify(path);
