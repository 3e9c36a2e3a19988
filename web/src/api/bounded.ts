// Answers of any size, of which no more is read than wanted.

/** `whole` false: there is more, which was not read. `size`: what the server says that it is; null: it says
 * nothing. */
export interface Read {
  bytes: Uint8Array<ArrayBuffer>;
  whole: boolean;
  size: number | null;
}

/** Reads an answer, `bytesMax` at most. */
export async function readSome(answer: Response, bytesMax: number): Promise<Read> {
  const told = answer.headers.get("content-length");
  const size = told !== null && /^\d+$/.test(told) && !answer.headers.has("content-encoding") ? Number(told) : null;
  const reader = answer.body?.getReader();
  if (!reader) return { bytes: new Uint8Array(), whole: true, size };
  if (size !== null && size > bytesMax) {
    await reader.cancel();
    return { bytes: new Uint8Array(), whole: false, size };
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { bytes: joined(parts, length), whole: true, size };
    parts.push(value);
    length += value.length;
    if (length > bytesMax) {
      await reader.cancel();
      return { bytes: joined(parts, length).slice(0, bytesMax), whole: false, size };
    }
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
