/** IBM's SDK for Node.js, with gzip request bodies: documents, feeds, attachments, API keys and their rights. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { BasicAuthenticator, ChangesFollower, CloudantV1, CouchdbSessionAuthenticator } from '@ibm-cloud/cloudant'
import { bytes, jsonLines, name, refusal, round, server } from './round.mjs'

function connect(Authenticator, username, password) {
  const service = new CloudantV1({
    authenticator: new Authenticator({ username, password }), serviceUrl: server.url
  })
  service.setEnableGzipCompression(true)
  return service
}

const service = connect(BasicAuthenticator, server.user, server.password)
const db = name('cloudant')
const result = async (call) => (await call).result

async function create() {
  const info = await result(service.getServerInformation())
  assert.equal(info.couchdb, 'Welcome')
  assert.equal(typeof info.vendor.name, 'string')
  assert.equal((await result(service.getUpInformation())).status, 'ok')
  const made = await service.putDatabase({ db })
  assert.deepEqual([made.status, made.result], [201, { ok: true }])
  const again = await refusal(service.putDatabase({ db }))
  assert.deepEqual([again.status, again.result.error], [412, 'file_exists'])
  assert.equal((await service.headDatabase({ db })).status, 200)
  assert.equal((await result(service.getDatabaseInformation({ db }))).docCount, 0)
  const [found] = await result(service.postDbsInfo({ keys: [db] }))
  assert.equal(found.info.dbName, db)
  assert.equal((await result(service.getUuids({ count: 2 }))).uuids.length, 2)
}

async function put() {
  const document = { _id: 'a/b +ü', name: 'couch grass '.repeat(500), n: 1.5 }
  const first = await service.putDocument({ db, docId: 'a/b +ü', document })
  assert.deepEqual([first.status, first.result.ok], [201, true])
  const read = await service.getDocument({ db, docId: 'a/b +ü' })
  assert.deepEqual({ ...read.result }, { ...document, _rev: first.result.rev })
  assert.equal(read.headers.etag, `"${first.result.rev}"`)
  const head = await service.headDocument({ db, docId: 'a/b +ü' })
  assert.equal(head.headers.etag, `"${first.result.rev}"`)
  const body = Readable.from([JSON.stringify({ ...document, n: 2 })])
  const second = await result(service.putDocument({
    db, docId: 'a/b +ü', document: body, rev: first.result.rev, contentType: 'application/json'
  }))
  assert.match(second.rev, /^2-/)
  const posted = await result(service.postDocument({ db, document: { kind: 'posted' } }))
  const removed = await result(service.deleteDocument({ db, docId: posted.id, rev: posted.rev }))
  assert.match(removed.rev, /^2-/)
  const gone = await refusal(service.getDocument({ db, docId: posted.id }))
  assert.deepEqual([gone.status, gone.result.error, gone.result.reason], [404, 'not_found', 'deleted'])
  await service.putLocalDocument({ db, docId: 'note', document: { n: 1 } })
  assert.equal((await result(service.getLocalDocument({ db, docId: 'note' }))).n, 1)
}

async function conflict() {
  await service.putDocument({ db, docId: 'contested', document: { n: 0 } })
  const refused = await refusal(service.putDocument({ db, docId: 'contested', document: { n: 1 } }))
  assert.deepEqual(
    [refused.status, refused.result.error, refused.result.reason],
    [409, 'conflict', 'Document update conflict.']
  )
  assert.equal(typeof refused.result.trace, 'string', 'X-Couch-Request-ID is what the SDK traces by')
  const [low, high] = ['a'.repeat(32), 'b'.repeat(32)]
  const docs = [low, high].map((id) => ({ _id: 'branched', _rev: `1-${id}`, side: id[0] }))
  assert.deepEqual(await result(service.postBulkDocs({ db, bulkDocs: { docs, newEdits: false } })), [])
  const winner = await result(service.getDocument({ db, docId: 'branched', conflicts: true }))
  assert.deepEqual([winner.side, winner._conflicts], ['b', [`1-${low}`]])
  const asked = { branched: [`1-${low}`, `3-${'c'.repeat(32)}`] }
  const diff = await result(service.postRevsDiff({ db, documentRevisions: asked }))
  assert.deepEqual(diff.branched.missing, [`3-${'c'.repeat(32)}`])
}

async function bulk() {
  const docs = Array.from({ length: 50 }, (_, n) => ({ _id: `bulk-${String(n).padStart(3, '0')}`, n }))
  const written = await service.postBulkDocs({ db, bulkDocs: { docs } })
  assert.equal(written.status, 201)
  assert.deepEqual(written.result.map((row) => [row.ok, row.id]), docs.map((doc) => [true, doc._id]))
  const all = await result(service.postAllDocs({ db, startKey: 'bulk-003', endKey: 'bulk-005', includeDocs: true }))
  assert.deepEqual(all.rows.map((row) => row.doc.n), [3, 4, 5])
  const keyed = await result(service.postAllDocs({ db, keys: ['bulk-001', 'nowhere'] }))
  assert.deepEqual(keyed.rows.map((row) => row.id ?? row.error), ['bulk-001', 'not_found'])
  const queries = [{ key: 'bulk-001' }, { keys: ['bulk-002', 'bulk-003'] }]
  const many = await result(service.postAllDocsQueries({ db, queries }))
  assert.deepEqual(many.results.map(({ rows }) => rows.map((row) => row.id)), [
    ['bulk-001'], ['bulk-002', 'bulk-003']
  ])
  const got = await result(service.postBulkGet({ db, docs: [{ id: 'bulk-007' }, { id: 'nowhere' }] }))
  assert.equal(got.results[0].docs[0].ok.n, 7)
  assert.equal(got.results[1].docs[0].error.error, 'not_found')
  const mixed = await service.postBulkGetAsMixed({ db, docs: [{ id: 'bulk-008' }] })
  assert.match(mixed.headers['content-type'], /^multipart\/mixed; *boundary=/)
  assert.match(String(await bytes(mixed.result)), /"n":8/)
  const stream = await result(service.postAllDocsAsStream({ db, limit: 2 }))
  assert.equal(JSON.parse(await bytes(stream)).rows.length, 2)
}

async function changes() {
  const all = await result(service.postChanges({ db, since: '0', includeDocs: true }))
  assert.equal(all.pending, 0)
  assert.equal(all.results.find((row) => row.id === 'bulk-007').doc.n, 7)
  const rest = await result(service.postChanges({ db, since: all.lastSeq }))
  assert.deepEqual(rest.results, [])
  const resumed = await result(service.postChanges({ db, since: all.results.at(-2).seq }))
  assert.deepEqual(resumed.results.map((row) => row.id), [all.results.at(-1).id])
  const named = await result(service.postChanges({ db, filter: '_doc_ids', docIds: ['bulk-001'] }))
  assert.deepEqual(named.results.map((row) => row.id), ['bulk-001'])
  const selector = { n: { $gt: 47 } }
  const chosen = await result(service.postChanges({ db, filter: '_selector', selector }))
  assert.deepEqual(chosen.results.map((row) => row.id).sort(), ['bulk-048', 'bulk-049'])
  const followed = []
  const follower = new ChangesFollower(service, { db, limit: 10 })
  for await (const item of follower.startOneOff()) followed.push(item.id)
  assert.deepEqual(followed, all.results.slice(0, 10).map((row) => row.id))
}

async function continuousChanges() {
  const { lastSeq: since } = await result(service.postChanges({ db, since: 'now' }))
  const stream = await result(service.postChangesAsStream({
    db, feed: 'continuous', since, heartbeat: 500, includeDocs: true
  }))
  const lines = jsonLines(stream)
  for (const n of [1, 2]) {
    const line = lines.next()
    const { rev } = await result(service.putDocument({ db, docId: `streamed-${n}`, document: { n } }))
    const { value } = await line
    assert.deepEqual([value.id, value.changes, value.doc.n], [`streamed-${n}`, [{ rev }], n])
  }
  stream.destroy()
}

async function followChanges() {
  const { lastSeq: since } = await result(service.postChanges({ db, since: 'now' }))
  const follower = new ChangesFollower(service, { db, since })
  const items = follower.start()
  const seen = once(items, 'data')
  await service.putDocument({ db, docId: 'followed', document: { n: 1 } })
  const [item] = await seen
  assert.equal(item.id, 'followed')
  follower.stop()
}

async function attachments() {
  const raw = Buffer.from([0, 1, 2, 253, 254, 255])
  const text = 'couch grass '.repeat(1000)
  const at = { db, docId: 'with files', attachmentName: 'raw.bin' }
  const made = await service.putAttachment({ ...at, attachment: raw, contentType: 'image/png' })
  assert.equal(made.status, 201)
  const noted = await result(service.putAttachment({
    ...at, attachmentName: 'note.txt', attachment: Readable.from([text]), contentType: 'text/plain', rev: made.result.rev
  }))
  assert.deepEqual(await bytes(await result(service.getAttachment(at))), raw)
  const note = await result(service.getAttachment({ ...at, attachmentName: 'note.txt' }))
  assert.equal(String(await bytes(note)), text)
  const part = await service.getAttachment({ ...at, range: 'bytes=2-3' })
  assert.deepEqual([part.status, await bytes(part.result)], [206, raw.subarray(2, 4)])
  const head = await service.headAttachment(at)
  assert.deepEqual([head.headers['content-type'], head.headers['content-length']], ['image/png', '6'])
  const whole = await result(service.getDocument({ db, docId: 'with files', attachments: true }))
  assert.deepEqual(whole._attachments['raw.bin'].data, raw)
  const related = await service.getDocumentAsRelated({ db, docId: 'with files', attachments: true })
  assert.match(related.headers['content-type'], /^multipart\/related; *boundary=/)
  assert.ok((await bytes(related.result)).includes(raw))
  await service.deleteAttachment({ ...at, rev: noted.rev })
  assert.equal((await refusal(service.getAttachment(at))).status, 404)
}

async function security() {
  const admins = { names: [], roles: ['chief'] }
  const members = { names: ['kim'], roles: [] }
  assert.deepEqual(await result(service.putSecurity({ db, admins, members })), { ok: true })
  const kept = await result(service.getSecurity({ db }))
  assert.deepEqual([{ ...kept.admins }, { ...kept.members }], [admins, members])
  const session = connect(CouchdbSessionAuthenticator, server.user, server.password)
  const { userCtx, info } = await result(session.getSessionInformation())
  assert.deepEqual([userCtx.name, userCtx.roles, info.authenticated], [server.user, ['_admin'], 'cookie'])
  assert.equal((await session.putDocument({ db, docId: 'by cookie', document: { n: 1 } })).status, 201)
  // Not the admin's name: five wrong passwords, of all tests together, would lock the admin out.
  const wrong = connect(BasicAuthenticator, name('nobody'), 'not the password')
  assert.equal((await refusal(wrong.getDocument({ db, docId: 'contested' }))).status, 401)
}

async function apiKeys() {
  const { status, result: key } = await service.postApiKeys()
  assert.deepEqual([status, key.ok], [201, true])
  const keyed = connect(BasicAuthenticator, key.key, key.password)
  const read = () => keyed.getDocument({ db, docId: 'contested' })
  const write = (document) => keyed.postDocument({ db, document })
  assert.equal((await refusal(read())).status, 403)
  const grant = (...rights) => service.putCloudantSecurityConfiguration({ db, cloudant: { [key.key]: rights } })
  assert.deepEqual(await result(grant('_reader')), { ok: true })
  assert.deepEqual((await result(service.getSecurity({ db }))).cloudant[key.key], ['_reader'])
  assert.equal((await result(read())).n, 0)
  assert.equal((await refusal(write({ n: 1 }))).status, 403)
  await grant('_reader', '_writer')
  assert.equal((await write({ n: 1 })).status, 201)
  assert.equal((await refusal(keyed.putSecurity({ db, admins: { names: [key.key], roles: [] } }))).status, 403)
  await grant('_admin')
  assert.equal((await keyed.getSecurity({ db })).status, 200)
  await service.putCloudantSecurityConfiguration({ db, cloudant: {} })
  assert.equal((await refusal(read())).status, 403)
}

async function destroy() {
  assert.deepEqual(await result(service.deleteDatabase({ db })), { ok: true })
  assert.equal((await refusal(service.getDatabaseInformation({ db }))).status, 404)
}

await round({
  create, put, conflict, bulk, changes, 'continuous changes': continuousChanges,
  'follow changes': followChanges, attachments, security, 'API keys': apiKeys, destroy
})
