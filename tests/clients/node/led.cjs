// Old apps' ways to Cloudant, each a full round against what their account's host leads to.
//
//     node --require cloudant.cjs led.cjs CLIENT     (HOST, LOGIN, PASSWORD and DB in the environment)
//
// Each prints what came back as JSON on one line.
'use strict';

const { HOST, LOGIN, PASSWORD, DB } = process.env;
const account = HOST.split('.')[0];
const signed = `https://${encodeURIComponent(LOGIN)}:${PASSWORD}@${HOST}`;
const authorization = 'Basic ' + Buffer.from(`${LOGIN}:${PASSWORD}`).toString('base64');

async function withDatabase(server) {
  const db = server.db.use(DB);
  const { id } = await db.insert({ _id: 'milk', title: 'buy milk' });
  const { title } = await db.get(id);
  const { total_rows: rows } = await db.list({ include_docs: true });
  const missing = await db.get('none').catch((refused) => refused.statusCode);
  return { title, rows, missing };
}

function exchanged(request, body) {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => resolve([answer.statusCode, JSON.parse(Buffer.concat(pieces))]));
    });
    request.end(body);
  });
}

async function withRequests(scheme, options) {
  const { request } = require(scheme);
  const headers = { authorization, 'content-type': 'application/json' };
  const url = `${scheme}://${HOST}/${DB}/milk`;
  const [put] = await exchanged(request(url, { method: 'PUT', headers, ...options }), '{"title":"buy milk"}');
  const got = request(url, { headers, ...options });
  const secured = new Promise((resolve) => {
    got.on('socket', (socket) => resolve([socket.encrypted === true, socket.authorized === true]));
  });
  const [status, { title }] = await exchanged(got);
  return { put, status, title, secured: await secured };
}

const clients = {
  cloudant2: async () => withDatabase(require('@cloudant/cloudant')({
    account, username: LOGIN, password: PASSWORD, plugins: 'promises',
  })),

  cloudant2_url: async () => withDatabase(require('@cloudant/cloudant')({ url: signed, plugins: ['promises', 'retry'] })),

  cloudant1: async () => withDatabase(require('cloudant')({
    account, username: LOGIN, password: PASSWORD, plugin: 'promises',
  })),

  nano: async () => withDatabase(require('nano')(signed)),

  https: () => withRequests('https', {}),

  https_agent: () => withRequests('https', { agent: new (require('https').Agent)({ keepAlive: true, maxSockets: 1 }) }),

  http: () => withRequests('http', {}),

  fetch: async () => {
    const headers = { authorization, 'content-type': 'application/json' };
    const url = `https://${HOST}/${DB}/milk`;
    const put = await fetch(url, { method: 'PUT', headers, body: '{"title":"buy milk"}' });
    const got = await fetch(url, { headers });
    return { put: put.status, status: got.status, title: (await got.json()).title };
  },

  esm: async () => {
    const { connect } = await import('node:tls');
    const socket = connect(443, HOST, { servername: HOST });
    await new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject));
    socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\nconnection: close\r\n\r\n`);
    let text = '';
    for await (const piece of socket) text += piece;
    return { status: text.split(' ')[1], welcome: text.includes('"Welcome"') };
  },

  feed: async () => {
    const nano = require('nano')(signed);
    const db = nano.db.use(DB);
    await db.insert({}, 'first');
    const reader = db.changesReader.start({ since: '0', timeout: 60000 });
    const ids = await new Promise((resolve, reject) => {
      const seen = [];
      reader.on('error', reject);
      reader.on('change', ({ id }) => {
        seen.push(id);
        if (id === 'first') db.insert({}, 'second').catch(reject);
        if (id === 'second') resolve(seen);
      });
    });
    db.changesReader.stop();
    return { ids };
  },

  // What is not led: a host of another account, and TLS to a server of the app's own.
  other: () => new Promise((resolve) => {
    const asked = require('https').get(`https://other.${HOST}.invalid/`, () => resolve({}));
    asked.on('error', ({ syscall }) => resolve({ syscall }));
  }),

  real_tls: async () => {
    const tls = require('tls');
    const { readFileSync } = require('fs');
    const server = tls.createServer({ key: readFileSync(process.env.KEY), cert: readFileSync(process.env.CERT) },
      (socket) => socket.end('hello'));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    const refused = await new Promise((resolve) => tls.connect(port, '127.0.0.1').on('error', ({ code }) => resolve(code)));
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    let text = '';
    for await (const piece of socket) text += piece;
    server.close();
    return { refused, text, authorized: socket.authorized };
  },

  environment: async () => ({ left: Object.keys(process.env).filter((name) => name.includes('ACCOUNTS')) }),
};

clients[process.argv[2]]().then((result) => {
  console.log(JSON.stringify(result));
  process.exit(0);
}, (error) => {
  console.error(error);
  process.exit(1);
});
