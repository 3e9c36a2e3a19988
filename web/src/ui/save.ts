// Hands a file to the person, as a download of the browser's.

/** Slashes and the like, which no file's name has, become lines. */
export const fileName = (name: string) => name.replace(/[/\\:*?"<>|\u0000-\u001f]/g, "_") || "file";

export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = fileName(name);
  document.body.append(link);
  link.click();
  link.remove();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
