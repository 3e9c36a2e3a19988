'use strict';
// The process that runs one Node.js action. Started by another process, in a sandbox:
//
//     node node_cell.cjs REQUESTS_FD ANSWERS_FD HOME UID PRELOAD
//
// The frames are those of wire.py, the arguments and the preload those of python_cell.py. HOME/node_modules,
// when it is there, holds the packages that every action may require. What the action prints goes out as LOG frames, so that stdout and stderr keep their order; file descriptors 1 and 2 stay for
// children and native code. The rules are OpenWhisk's:
//
// - `main(object)` gives an object or an array, perhaps by a promise; undefined is {}; else status 502;
// - a throw or a rejection is status 200 with {error: ...}, an Error as its fields;
// - process.exit and an exception that nobody caught end the process, without an answer.
//
// What it needs of Node.js it takes before the action's code is there, which may replace anything.

const fs = require('fs');
const { createRequire } = require('module');
const net = require('net');
const os = require('os');
const path = require('path');
const { pathToFileURL } = require('url');
const util = require('util');
const vm = require('vm');
const unpack = require('./node_unpack.cjs');

const RESULT_BYTES_MAX = 1024 * 1024;
const LINE_BYTES_MAX = 64 * 1024;
const HEAD_BYTES = 9;
const LAST_KIND_THAT_WARNS = 14; // from 15 on Node.js ends at a rejection that nobody handles

const WARM = 'assert async_hooks buffer child_process crypto dns events http https os process querystring ' +
  'stream stream/promises string_decoder timers tls url util zlib';

const NO_CODE = 'Missing main/no code to execute.';
const NO_RESULT = 'The action did not return a dictionary or array.';
const TWICE = 'Cannot initialize the action more than once.';

const { writeSync } = fs;
const { stringify, parse } = JSON;
const { now } = Date;
const exit = process.reallyExit.bind(process);
const clock = process.hrtime.bigint;
const wait = Atomics.wait.bind(Atomics, new Int32Array(new SharedArrayBuffer(4)), 0, 0);

const [requestsFd, answersFd, home, uid, preload] = process.argv.splice(2);
process.argv.length = 1;

let number = 0; // of the request under way; 0 between two
let logBytesMax = 0;
let logBytesLeft = 0;
let epoch = 0n; // what to add to the clock for nanoseconds since the epoch
let handler;

// --- out

function send(kind, ...parts) {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32BE(bytes + HEAD_BYTES - 4, 0);
  head.write(kind, 4, 'latin1');
  head.writeUInt32BE(number, 5);
  const frame = Buffer.concat([head, ...parts]);
  for (let at = 0; at < frame.length;) {
    try {
      at += writeSync(+answersFd, frame, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') exit(1);
      wait(1);
    }
  }
}

class Lines {
  constructor(stream) {
    this.stream = Buffer.from(stream);
    this.rest = Buffer.alloc(0);
  }

  write(chunk) {
    let rest = this.rest.length ? Buffer.concat([this.rest, chunk]) : Buffer.from(chunk);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.line(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
    }
    while (rest.length > LINE_BYTES_MAX) {
      this.line(rest.subarray(0, LINE_BYTES_MAX));
      rest = rest.subarray(LINE_BYTES_MAX);
    }
    this.rest = number ? rest : Buffer.alloc(0);
  }

  line(text) {
    for (let at = 0; at === 0 || at < text.length; at += LINE_BYTES_MAX) {
      if (!number || logBytesLeft <= 0) return;
      const part = text.subarray(at, at + LINE_BYTES_MAX);
      logBytesLeft -= part.length + 1;
      const time = Buffer.allocUnsafe(8);
      time.writeBigUInt64BE(clock() + epoch);
      send('L', this.stream, time, part);
    }
  }

  end() {
    if (this.rest.length) this.line(this.rest);
    this.rest = Buffer.alloc(0);
  }
}

const streams = { stdout: new Lines('1'), stderr: new Lines('2') };

for (const [name, lines] of Object.entries(streams)) {
  process[name].write = (chunk, encoding, done) => {
    const callback = typeof encoding === 'function' ? encoding : done;
    const known = typeof encoding === 'string' ? encoding : 'utf8';
    lines.write(typeof chunk === 'string' ? Buffer.from(chunk, known) : chunk);
    if (typeof callback === 'function') process.nextTick(callback);
    return true;
  };
}

function answer(status, body) {
  const text = Buffer.from(body);
  streams.stdout.end();
  streams.stderr.end();
  const facts = Buffer.allocUnsafe(10);
  facts.writeUInt16BE(status, 0);
  facts.writeBigUInt64BE(BigInt(text.length), 2);
  send('A', facts, text.subarray(0, RESULT_BYTES_MAX));
  number = 0;
}

function refuse(status, error) {
  answer(status, stringify({ error }));
}

// --- init

function warnOfRejections() {
  process.on('unhandledRejection', (reason) => {
    const text = reason instanceof Error ? reason.stack : util.inspect(reason);
    process.stderr.write(`(node:${process.pid}) UnhandledPromiseRejectionWarning: ${text}\n`);
  });
}

/** The member of `root` at `names`. */
function member(root, names) {
  return names.reduce((value, name) => (value === undefined || value === null ? undefined : value[name]), root);
}

function fromModule(loaded, names) {
  const found = member(loaded, names);
  return found === undefined ? member(loaded && loaded.default, names) : found;
}

const MODULE_SYNTAX = /import statement outside a module|Unexpected token 'export'|import\.meta|await is only valid/;

async function loadText(code, names) {
  const filename = path.join(home, 'index.js');
  const local = `typeof ${names[0]} === "undefined" ? undefined : ${names[0]}`;
  const options = { filename };
  if (vm.constants) options.importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  const module = { exports: {}, id: filename, filename, loaded: false, children: [], paths: [] };
  let whole;
  try {
    const text = `(function (exports, require, module, __filename, __dirname) {${code}\n;return ${local};\n})`;
    whole = vm.runInThisContext(text, options);
  } catch (error) {
    if (!(error instanceof SyntaxError) || !MODULE_SYNTAX.test(error.message)) throw error;
    const file = path.join(home, 'index.mjs');
    fs.writeFileSync(file, code);
    return fromModule(await import(pathToFileURL(file).href), names);
  }
  const require = createRequire(filename);
  module.require = require;
  const root = whole.call(module.exports, module.exports, require, module, filename, home);
  const found = root === undefined ? undefined : member(root, names.slice(1));
  return found === undefined ? fromModule(module.exports, names) : found;
}

const ENDINGS = ['', '.js', '.cjs', '.mjs'];

function isFile(place) {
  const found = fs.statSync(place, { throwIfNoEntry: false });
  return found !== undefined && found.isFile();
}

/** The file to load of an unpacked archive, and the names to look up in it. A main "file.function" names it. */
function entry(folder, names) {
  if (names.length > 1) {
    const ending = ENDINGS.find((each) => isFile(path.join(folder, names[0] + each)));
    if (ending !== undefined) return [path.join(folder, names[0] + ending), names.slice(1)];
  }
  const manifest = path.join(folder, 'package.json');
  if (!isFile(manifest) && !isFile(path.join(folder, 'index.js')) && !isFile(path.join(folder, 'index.mjs'))) {
    throw new Error('Zipped actions must contain either package.json or index.js at the root.');
  }
  const named = isFile(manifest) ? parse(fs.readFileSync(manifest, 'utf8')).main : undefined;
  const start = path.join(folder, typeof named === 'string' && named ? named : 'index');
  const tried = [...ENDINGS.map((each) => start + each), path.join(start, 'index.js'), path.join(folder, 'index.js')];
  return [tried.find(isFile) || folder, names];
}

async function loadArchive(code, main) {
  const folder = path.join(home, 'code');
  unpack(Buffer.from(code, 'base64'), folder);
  process.chdir(folder);
  const [file, names] = entry(folder, main);
  try {
    return fromModule(createRequire(path.join(folder, 'index.js'))(file), names);
  } catch (error) {
    const isModule = error.code === 'ERR_REQUIRE_ESM' || error.code === 'ERR_REQUIRE_ASYNC_MODULE';
    if (!isModule && !(error instanceof SyntaxError && MODULE_SYNTAX.test(error.message))) throw error;
    return fromModule(await import(pathToFileURL(file).href), names);
  }
}

async function load(spec) {
  const names = (spec.main || 'main').split('.');
  const isWord = (name, at) => (at === 0 && spec.binary ? /^[\w$/-]+$/ : /^[A-Za-z_$][\w$]*$/).test(name);
  if (!names.every(isWord)) throw new Error('Name of main function is not valid.');
  if (preload && spec.accounts.length) {
    process.env.COUCHGRASS_ACCOUNTS = stringify(spec.accounts);
    require(preload);
  }
  const found = spec.binary ? await loadArchive(spec.code, names) : await loadText(spec.code, names);
  if (typeof found !== 'function') throw new Error(`Action entrypoint '${spec.main || 'main'}' is not a function.`);
  return found;
}

/** What to do about a package that is not there; nothing for any other error. */
function advice(error) {
  const missing = /^(?:ERR_)?MODULE_NOT_FOUND$/.test(String(error && error.code));
  const name = missing && /Cannot find (?:module|package) '((?:@[^/'.]+\/)?[^/'.]+)/.exec(error.message);
  if (!name) return '';
  return `\nPut '${name[1]}' into the action's zip, or let the operator run: couchgrass runtime add nodejs ${name[1]}`;
}

async function init(spec) {
  logBytesMax = spec.log_bytes_max;
  logBytesLeft = logBytesMax;
  if (handler) {
    process.stderr.write(TWICE + '\n');
    return refuse(403, TWICE);
  }
  if (!spec.code) return refuse(403, NO_CODE);
  Object.assign(process.env, spec.env);
  // As nice() does it, it stays at the last one: the platform may have been started with a high one.
  os.setPriority(Math.min(os.getPriority() + spec.nice, os.constants.priority.PRIORITY_LOW));
  if (spec.kind_version <= LAST_KIND_THAT_WARNS) {
    process.noDeprecation = true;
    warnOfRejections();
  }
  try {
    handler = await load(spec);
  } catch (error) {
    const text = String((error && error.stack) || error) + advice(error);
    process.stderr.write(text + '\n');
    return refuse(502, 'Initialization has failed due to: ' + text);
  }
  return answer(200, '{"OK":true}');
}

// --- run

/** A thrown value as JSON can hold it: an Error with its fields, the rest as it is. */
function serialized(value, above = []) {
  if (typeof value === 'function') return `[Function: ${value.name || 'anonymous'}]`;
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (above.includes(value)) return '[Circular]';
  if (Buffer.isBuffer(value)) return '[object Buffer]';
  if (typeof value.toJSON === 'function') return value.toJSON();
  const to = Array.isArray(value) ? [] : {};
  const hidden = value instanceof Error ? ['name', 'message', 'stack', 'code', 'cause'] : [];
  for (const key of new Set([...hidden, ...Object.keys(value)])) {
    if (value[key] !== undefined && typeof value[key] !== 'function') {
      to[key] = serialized(value[key], [...above, value]);
    }
  }
  return to;
}

function finish(result) {
  if (result === undefined) return answer(200, '{}');
  if (result === null || typeof result !== 'object') {
    console.error(`Result must be of type object but has type "${typeof result}":`, result);
    return refuse(502, NO_RESULT);
  }
  let body;
  try {
    body = stringify(result);
    // Half a character comes out as an escape that JSON readers refuse.
    if (body) body = body.replace(/(\\\\)|\\ud[89a-f][0-9a-f]{2}/g, (found, pair) => pair || '\ufffd');
  } catch (error) {
    console.error(error);
  }
  return body === undefined || !/^[{[]/.test(body) ? refuse(502, NO_RESULT) : answer(200, body);
}

async function run(message) {
  logBytesLeft = logBytesMax;
  for (const [key, value] of Object.entries(message)) {
    if (key !== 'value') {
      process.env['__OW_' + key.toUpperCase()] = typeof value === 'string' ? value : stringify(value);
    }
  }
  if (!handler) return refuse(502, 'Initialization has failed.');
  let result;
  try {
    result = await handler(message.value === undefined ? {} : message.value);
  } catch (error) {
    result = { error: error ? serialized(error) : {} };
  }
  return finish(result);
}

// --- in

function take(kind, text) {
  epoch = BigInt(now()) * 1000000n - clock();
  const request = parse(text);
  const done = kind === 'I' ? init(request) : run(request);
  done.catch((error) => {
    process.stderr.write(String(error && error.stack) + '\n');
    exit(1);
  });
}

function listen() {
  let held = [];
  let bytes = 0;
  let wanted = HEAD_BYTES;
  const socket = new net.Socket({ fd: +requestsFd, readable: true, writable: false });
  socket.on('data', (chunk) => {
    held.push(chunk);
    bytes += chunk.length;
    while (bytes >= wanted) {
      const all = held.length === 1 ? held[0] : Buffer.concat(held);
      held = [all];
      const end = all.readUInt32BE(0) + 4;
      wanted = bytes < end ? end : HEAD_BYTES;
      if (bytes < end) continue;
      number = all.readUInt32BE(5);
      held = [all.subarray(end)];
      bytes -= end;
      take(String.fromCharCode(all[4]), all.toString('utf8', HEAD_BYTES, end));
    }
  });
  socket.on('error', () => exit(1));
  socket.on('close', () => exit(0));
}

function become(id) {
  process.setgroups([]);
  process.setgid(id);
  process.setuid(id);
}

if (uid !== '-') become(+uid);
WARM.split(' ').forEach((name) => require(name));
process.chdir(home);
listen();
send('H');
