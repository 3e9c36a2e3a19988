// What is in a zip, read off its directory at the end, and single files of it by the browser's own inflate.

export interface ZipFile {
  name: string;
  /** Bytes, unpacked and packed. */
  size: number;
  packed: number;
  /** 0 stored, 8 deflated. */
  method: number;
  /** Where its own header begins. */
  at: number;
}

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const COMMENT_MAX = 0xffff;
const FILES_MAX = 20_000;

/** The bytes of an action's code in base64; null when it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    const raw = atob(text);
    const bytes = new Uint8Array(raw.length);
    for (let at = 0; at < raw.length; at += 1) bytes[at] = raw.charCodeAt(at);
    return bytes;
  } catch {
    return null;
  }
}

/** The files in a zip, without its folders; null when it is none. */
export function zipFiles(bytes: Uint8Array): ZipFile[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = endOf(view);
  if (end < 0) return null;
  const found: ZipFile[] = [];
  let at = view.getUint32(end + 16, true);
  for (let left = Math.min(view.getUint16(end + 10, true), FILES_MAX); left > 0; left -= 1) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== ENTRY) return null;
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true)) as [number, number, number];
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    if (!name.endsWith("/")) {
      found.push({
        name,
        size: view.getUint32(at + 24, true),
        packed: view.getUint32(at + 20, true),
        method: view.getUint16(at + 10, true),
        at: view.getUint32(at + 42, true),
      });
    }
    at += 46 + nameLength + extra + comment;
  }
  return found;
}

function endOf(view: DataView): number {
  const first = Math.max(0, view.byteLength - END_BYTES - COMMENT_MAX);
  for (let at = view.byteLength - END_BYTES; at >= first; at -= 1) {
    if (view.getUint32(at, true) === END) return at;
  }
  return -1;
}

/** One file of it. Raises Error when it is damaged or packed in another way. */
export async function unzipped(bytes: Uint8Array<ArrayBuffer>, file: ZipFile): Promise<Uint8Array<ArrayBuffer>> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.at + 30 > bytes.length || view.getUint32(file.at, true) !== LOCAL) throw new Error("The archive is damaged.");
  const from = file.at + 30 + view.getUint16(file.at + 26, true) + view.getUint16(file.at + 28, true);
  const packed = bytes.slice(from, from + file.packed);
  if (file.method === 0) return packed;
  if (file.method !== 8) throw new Error(`The file is packed by a method (${file.method}) that is not known here.`);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
