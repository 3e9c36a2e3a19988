'use strict';
// Unpacks an action's archive (zip, or a gzipped tar) into a folder. It runs in the sandbox, with the rights
// of the action itself, so an archive gets nowhere that the action's code could not; the bounds keep a small
// archive from filling the folder.

const fs = require('fs');
const path = require('path');
const zlib = require('zlib');

const UNPACKED_BYTES_MAX = 240 * 1024 * 1024; // a little under the size of the home
const UNPACKED_FILES_MAX = 50000;

const END = 0x06054b50;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 65535;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;
const TAR_BLOCK = 512;
const FILE_TYPE = 0o170000;
const LINK_TYPE = 0o120000;

/** Where `name` lies below `folder`. Throws for one that points out of it. */
function below(folder, name) {
  const place = path.join(folder, name);
  if (path.isAbsolute(name) || name.includes('\0') || (place !== folder && !place.startsWith(folder + path.sep))) {
    throw new Error('The archive names a file outside of itself: ' + name);
  }
  return place;
}

class Writer {
  constructor(folder) {
    this.folder = path.resolve(folder);
    this.bytes = 0;
    this.files = 0;
    this.made = new Set();
  }

  directory(name) {
    const place = below(this.folder, name);
    if (!this.made.has(place)) {
      fs.mkdirSync(place, { recursive: true });
      this.made.add(place);
    }
  }

  count(bytes) {
    this.bytes += bytes;
    this.files += 1;
    if (this.bytes > UNPACKED_BYTES_MAX || this.files > UNPACKED_FILES_MAX) {
      throw new Error('The archive is too large when unpacked.');
    }
  }

  file(name, content, mode) {
    const place = below(this.folder, name);
    this.directory(path.dirname(name));
    fs.writeFileSync(place, content, { mode: mode & 0o111 ? 0o755 : 0o644 });
  }

  // A link within the archive, as npm makes them in node_modules/.bin; others are left out.
  link(name, target) {
    const place = below(this.folder, name);
    const goal = path.resolve(path.dirname(place), target);
    if (!path.isAbsolute(target) && goal.startsWith(this.folder + path.sep)) {
      this.directory(path.dirname(name));
      fs.symlinkSync(target, place);
    }
  }
}

function endOfZip(bytes) {
  const first = Math.max(0, bytes.length - END_BYTES - COMMENT_BYTES_MAX);
  for (let at = bytes.length - END_BYTES; at >= first; at--) {
    if (bytes.readUInt32LE(at) === END) return at;
  }
  throw new Error('The archive is not a zip.');
}

function zipContent(bytes, entry) {
  if (bytes.readUInt32LE(entry.at) !== LOCAL) throw new Error('The archive is damaged.');
  const start = entry.at + 30 + bytes.readUInt16LE(entry.at + 26) + bytes.readUInt16LE(entry.at + 28);
  const packed = bytes.subarray(start, start + entry.packed);
  if (entry.method === STORED) return packed;
  if (entry.method !== DEFLATED) throw new Error('The archive is packed in an unknown way.');
  return zlib.inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.size) });
}

function unzip(bytes, writer) {
  const end = endOfZip(bytes);
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    if (bytes.readUInt32LE(at) !== CENTRAL) throw new Error('The archive is damaged.');
    const lengths = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset));
    const entry = {
      method: bytes.readUInt16LE(at + 10),
      packed: bytes.readUInt32LE(at + 20),
      size: bytes.readUInt32LE(at + 24),
      mode: bytes.readUInt16LE(at + 40),
      at: bytes.readUInt32LE(at + 42),
    };
    const name = bytes.toString('utf8', at + 46, at + 46 + lengths[0]);
    at += 46 + lengths[0] + lengths[1] + lengths[2];
    writer.count(entry.size);
    if (name.endsWith('/')) writer.directory(name);
    else if ((entry.mode & FILE_TYPE) === LINK_TYPE) writer.link(name, zipContent(bytes, entry).toString());
    else writer.file(name, zipContent(bytes, entry), entry.mode);
  }
}

function tarText(block, from, to) {
  const end = block.indexOf(0, from);
  return block.toString('utf8', from, end < 0 || end > to ? to : end);
}

// The `path` of an extended header: records of "length key=value\n".
function paxPath(content) {
  const found = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(content.toString());
  return found ? found[1] : undefined;
}

function untar(bytes, writer) {
  let long;
  for (let at = 0; at + TAR_BLOCK <= bytes.length && bytes[at] !== 0;) {
    const block = bytes.subarray(at, at + TAR_BLOCK);
    const size = parseInt(tarText(block, 124, 136), 8) || 0;
    const type = String.fromCharCode(block[156]);
    const prefix = tarText(block, 257, 262) === 'ustar' ? tarText(block, 345, 500) : '';
    const name = long || (prefix ? prefix + '/' : '') + tarText(block, 0, 100);
    const content = bytes.subarray(at + TAR_BLOCK, at + TAR_BLOCK + size);
    at += TAR_BLOCK * (1 + Math.ceil(size / TAR_BLOCK));
    writer.count(size);
    long = undefined;
    if (type === 'L') long = tarText(content, 0, content.length);
    else if (type === 'x') long = paxPath(content);
    else if (type === '5') writer.directory(name);
    else if (type === '2') writer.link(name, tarText(block, 157, 257));
    else if (type === '0' || type === '\0') writer.file(name, content, parseInt(tarText(block, 100, 108), 8));
  }
}

/** Unpacks `bytes` into `folder`. Throws an Error that says what is wrong. */
module.exports = function unpack(bytes, folder) {
  const writer = new Writer(folder);
  writer.directory('.');
  if (bytes.length < END_BYTES) throw new Error('The archive is not a zip.');
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    untar(zlib.gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX }), writer);
  } else {
    unzip(bytes, writer);
  }
};
