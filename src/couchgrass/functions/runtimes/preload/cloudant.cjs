'use strict';
// Leads connections to Cloudant accounts to the region's own database, in a Node.js action's process.
//
// An old app opens https://ACCOUNT.cloudant.com; that place is gone, or in another region. COUCHGRASS_ACCOUNTS
// in the environment, taken out of it here, is a JSON list of "HOST=TARGET:PORT". A connection that is opened
// to the https or http port of such a host goes to its target instead, as plain HTTP: where the app asks for
// TLS, the socket says that it is one, though nothing is encrypted on the way, which does not leave the region.
// All other connections are made as ever. Who may do what in the database is the database's to say. HTTP/2 is
// not led: a target need not speak it.
//
// All of Node.js's clients come through the two functions that are replaced here: net.Socket.prototype.connect
// and tls.connect.

const HTTP = 80;
const HTTPS = 443;

function install(told) {
  if (!told.length) return;
  const net = require('net');
  const tls = require('tls');
  const targets = new Map(told.map(parsed));
  const sockets = new WeakSet();
  const { connect } = net.Socket.prototype;
  const connectTls = tls.connect;

  function leads(options, ...ports) {
    return !options.path && typeof options.host === 'string' && targets.has(plain(options.host)) &&
      ports.includes(Number(options.port));
  }

  net.Socket.prototype.connect = function (...args) {
    const normal = isNormal(args) ? args[0] : net._normalizeArgs(args);
    if (!(this instanceof tls.TLSSocket) && leads(normal[0], HTTP, HTTPS)) {
      const { lookup, family, hints, ...rest } = normal[0];
      normal[0] = { ...rest, ...targets.get(plain(rest.host)) };
      sockets.add(this);
    }
    return connect.call(this, normal);
  };

  tls.connect = function (...args) {
    const [options, done] = tlsArguments(net, args);
    const under = options.socket;
    const isLed = speaksHttp1(options) && (under ? sockets.has(under) : leads(options, HTTPS));
    if (!isLed) return connectTls.apply(this, args);
    const { ALPNProtocols, ...rest } = options;
    const socket = under || new net.Socket({ signal: options.signal, allowHalfOpen: options.allowHalfOpen });
    pretend(socket, options);
    if (done) socket.once('secureConnect', done);
    if (!under) {
      if (options.timeout) socket.setTimeout(options.timeout);
      socket.connect(rest);
    }
    const secured = () => {
      socket.emit('secure');
      socket.emit('secureConnect');
    };
    if (under && !under.connecting) process.nextTick(secured);
    else socket.once('connect', secured);
    return socket;
  };

  require('module').syncBuiltinESMExports();
}

// A host's name as it is compared.
function plain(host) {
  return host.toLowerCase().replace(/\.$/, '');
}

// "HOST=TARGET:PORT" as [host, {host, port}].
function parsed(text) {
  const [host, target] = text.split('=');
  const at = target.lastIndexOf(':');
  return [plain(host), { host: target.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(target.slice(at + 1)) }];
}

// True for the arguments that Node.js's own code hands on, which are normalized already.
function isNormal(args) {
  return Array.isArray(args[0]) && Object.getOwnPropertySymbols(args[0]).length > 0;
}

// (options) | (port[, host][, options]), with a callback at the end or not: [options, callback].
function tlsArguments(net, args) {
  const [first, done] = net._normalizeArgs(args);
  const more = [args[1], args[2]].find((one) => one !== null && typeof one === 'object');
  const options = { ...first, ...more };
  if (!options.host && !options.path) options.host = 'localhost';
  return [options, done];
}

// False for a caller that takes HTTP/2 and nothing else.
function speaksHttp1({ ALPNProtocols }) {
  return !ALPNProtocols || [].concat(ALPNProtocols).includes('http/1.1');
}

// What callers ask of a TLS socket, on a plain one.
function pretend(socket, options) {
  const servername = options.servername || options.host || '';
  Object.assign(socket, {
    encrypted: true,
    authorized: true,
    authorizationError: null,
    alpnProtocol: options.ALPNProtocols ? 'http/1.1' : false,
    servername,
    getPeerCertificate: () => ({ subject: { CN: servername }, subjectaltname: `DNS:${servername}` }),
    getPeerX509Certificate: () => undefined,
    getX509Certificate: () => undefined,
    getCertificate: () => ({}),
    getCipher: () => ({ name: 'NULL', standardName: 'NULL', version: 'TLSv1.3' }),
    getEphemeralKeyInfo: () => ({}),
    getFinished: () => undefined,
    getPeerFinished: () => undefined,
    getProtocol: () => 'TLSv1.3',
    getSession: () => undefined,
    getSharedSigalgs: () => [],
    getTLSTicket: () => undefined,
    isSessionReused: () => false,
    disableRenegotiation() {},
    enableTrace() {},
    renegotiate: () => false,
    setKeyCert() {},
    setMaxSendFragment: () => true,
    setServername() {},
    setSession() {},
  });
}

function fromEnvironment() {
  const text = process.env.COUCHGRASS_ACCOUNTS;
  if (text === undefined) return;
  delete process.env.COUCHGRASS_ACCOUNTS;
  install(JSON.parse(text));
}

fromEnvironment();
module.exports = { install };
