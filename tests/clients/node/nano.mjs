/** nano: documents, bulk, all its ways to read the changes feed, attachments, cookies and rights. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import nanoClient from 'nano'
import { jsonLines, name, refusal, round, server } from './round.mjs'

const auth = `${encodeURIComponent(server.user)}:${encodeURIComponent(server.password)}@`
const nano = nanoClient(server.url.replace('://', `://${auth}`))
const dbName = name('nano')
const db = nano.use(dbName)

async function create() {
  assert.equal((await nano.info()).couchdb, 'Welcome')
  assert.deepEqual(await nano.db.create(dbName), { ok: true })
  const again = await refusal(nano.db.create(dbName))
  assert.deepEqual([again.statusCode, again.error], [412, 'file_exists'])
  const illegal = await refusal(nano.db.create('Upper'))
  assert.deepEqual([illegal.statusCode, illegal.error], [400, 'illegal_database_name'])
  const info = await db.info()
  assert.deepEqual([info.db_name, info.doc_count, info.doc_del_count], [dbName, 0, 0])
  assert.ok((await nano.db.list()).includes(dbName))
  assert.equal((await nano.uuids(3)).uuids.length, 3)
}

async function put() {
  const first = await db.insert({ name: 'grass', n: 1.5 }, 'a/b +ü')
  assert.deepEqual([first.ok, first.id], [true, 'a/b +ü'])
  assert.match(first.rev, /^1-[0-9a-f]{32}$/)
  assert.deepEqual(await db.get('a/b +ü'), { _id: 'a/b +ü', _rev: first.rev, name: 'grass', n: 1.5 })
  const head = await db.head('a/b +ü')
  assert.equal(head.etag, `"${first.rev}"`)
  assert.match(head['content-type'], /^application\/json/)
  const posted = await db.insert({ kind: 'posted' })
  assert.equal((await db.get(posted.id)).kind, 'posted')
  const second = await db.insert({ _id: 'a/b +ü', _rev: first.rev, name: 'couch grass' })
  assert.equal((await db.get('a/b +ü', { rev: first.rev })).name, 'grass')
  const gone = await db.destroy('a/b +ü', second.rev)
  assert.match(gone.rev, /^3-/)
  const missing = await refusal(db.get('a/b +ü'))
  assert.deepEqual([missing.statusCode, missing.error, missing.reason], [404, 'not_found', 'deleted'])
}

async function conflict() {
  const first = await db.insert({ n: 0 }, 'contested')
  const taken = await refusal(db.insert({ n: 1 }, 'contested'))
  assert.deepEqual(
    [taken.statusCode, taken.error, taken.reason], [409, 'conflict', 'Document update conflict.']
  )
  await db.insert({ _rev: first.rev, n: 2 }, 'contested')
  const late = await refusal(db.destroy('contested', first.rev))
  assert.deepEqual([late.statusCode, late.error], [409, 'conflict'])
  const [low, high] = ['a'.repeat(32), 'b'.repeat(32)]
  const docs = [low, high].map((id) => ({ _id: 'branched', _rev: `1-${id}`, side: id[0] }))
  assert.deepEqual(await db.bulk({ docs, new_edits: false }), [])
  const winner = await db.get('branched', { conflicts: true })
  assert.deepEqual([winner.side, winner._conflicts], ['b', [`1-${low}`]])
}

async function bulk() {
  const docs = Array.from({ length: 20 }, (_, n) => ({ _id: `bulk-${String(n).padStart(3, '0')}`, n }))
  const written = await db.bulk({ docs })
  assert.deepEqual(written.map((row) => [row.ok, row.id]), docs.map((doc) => [true, doc._id]))
  const [refused] = await db.bulk({ docs: docs.slice(0, 1) })
  assert.deepEqual([refused.id, refused.error], ['bulk-000', 'conflict'])
  const list = await db.list({ startkey: 'bulk-003', endkey: 'bulk-005', include_docs: true })
  assert.deepEqual(list.rows.map((row) => row.doc.n), [3, 4, 5])
  assert.equal(typeof list.total_rows, 'number')
  const fetched = await db.fetch({ keys: ['bulk-001', 'nowhere'] })
  assert.deepEqual(fetched.rows.map((row) => row.doc?.n ?? row.error), [1, 'not_found'])
  const revs = await db.fetchRevs({ keys: ['bulk-001'] })
  assert.equal(revs.rows[0].value.rev, written[1].rev)
}

async function changes() {
  const all = await db.changes({ since: 0, include_docs: true })
  assert.equal(all.pending, 0)
  assert.equal(all.results.find((row) => row.id === 'a/b +ü').deleted, true)
  assert.equal(all.results.find((row) => row.id === 'bulk-007').doc.n, 7)
  assert.deepEqual((await db.changes({ since: all.last_seq })).results, [])
  const spooled = []
  const spool = db.changesReader.spool({ since: 0, batchSize: 10 })
  spool.on('batch', (batch) => spooled.push(...batch.map((row) => row.id)))
  await once(spool, 'end')
  assert.deepEqual(spooled, all.results.map((row) => row.id))
}

async function longpollChanges() {
  const { last_seq: since } = await db.changes({ since: 'now' })
  const reader = db.changesReader.start({ since, includeDocs: true })
  for (const n of [1, 2]) {
    const seen = once(reader, 'change')
    await db.insert({ n }, `polled-${n}`)
    const [change] = await seen
    assert.deepEqual([change.id, change.doc.n], [`polled-${n}`, n])
  }
  reader.on('error', () => {}) // the poll that stop() breaks off
  db.changesReader.stop()
}

async function continuousChanges() {
  const { last_seq: since } = await db.changes({ since: 'now' })
  const stream = db.changesAsStream({ feed: 'continuous', since, heartbeat: 500, include_docs: true })
  const lines = jsonLines(stream)
  for (const n of [1, 2]) {
    const line = lines.next()
    const { rev } = await db.insert({ n }, `streamed-${n}`)
    const { value } = await line
    assert.deepEqual([value.id, value.changes, value.doc.n], [`streamed-${n}`, [{ rev }], n])
  }
  const bounded = []
  const ended = db.changesAsStream({ feed: 'continuous', since, timeout: 1 })
  for await (const line of jsonLines(ended)) bounded.push(line)
  assert.deepEqual(bounded.slice(0, -1).map((line) => line.id), ['streamed-1', 'streamed-2'])
  assert.deepEqual(Object.keys(bounded.at(-1)).sort(), ['last_seq', 'pending'])
  stream.destroy()
}

async function attachments() {
  const raw = Buffer.from([0, 1, 2, 253, 254, 255])
  const { rev } = await db.insert({ kind: 'files' }, 'with files')
  const put = await db.attachment.insert('with files', 'raw.bin', raw, 'image/png', { rev })
  assert.match(put.rev, /^2-/)
  assert.deepEqual(await db.attachment.get('with files', 'raw.bin'), raw)
  const parts = [
    { name: 'note.txt', data: 'couch grass', content_type: 'text/plain' },
    { name: 'raw.bin', data: raw, content_type: 'image/png' }
  ]
  const both = await db.multipart.insert({ kind: 'parts' }, parts, 'in parts')
  const { _attachments: stubs, kind } = await db.get('in parts')
  assert.deepEqual([kind, stubs['note.txt'].length, stubs['raw.bin'].length], ['parts', 11, 6])
  assert.equal((await db.attachment.get('in parts', 'note.txt')).toString(), 'couch grass')
  const related = String(await db.multipart.get('in parts'))
  for (const part of ['"kind":"parts"', '"follows":true', 'filename="note.txt"', 'filename="raw.bin"']) {
    assert.ok(related.includes(part), part)
  }
  await db.attachment.destroy('in parts', 'note.txt', { rev: both.rev })
  assert.deepEqual(Object.keys((await db.get('in parts'))._attachments), ['raw.bin'])
}

async function security() {
  const rules = { admins: { names: [], roles: [] }, members: { names: ['kim'], roles: [] } }
  await nano.request({ db: dbName, path: '_security', method: 'PUT', body: rules })
  assert.deepEqual(await nano.request({ db: dbName, path: '_security' }), rules)
  const anonymous = nanoClient(server.url)
  assert.equal((await refusal(anonymous.use(dbName).get('contested'))).statusCode, 401)
  const users = nano.use('_users')
  const user = { name: dbName, password: 'sea sand', roles: [], type: 'user' }
  await nano.db.create('_users').catch((error) => assert.equal(error.statusCode, 412))
  const { rev } = await users.insert(user, `org.couchdb.user:${dbName}`)
  const kept = await users.get(`org.couchdb.user:${dbName}`)
  assert.deepEqual([kept.password, kept.password_scheme], [undefined, 'pbkdf2'])
  const login = nanoClient(server.url)
  assert.equal((await refusal(login.auth(dbName, 'wrong'))).statusCode, 401)
  assert.deepEqual(await login.auth(dbName, 'sea sand'), { ok: true, name: dbName, roles: [] })
  assert.equal((await login.session()).userCtx.name, dbName)
  assert.equal((await refusal(login.use(dbName).get('contested'))).statusCode, 403)
  const open = { ...rules, members: { names: [dbName], roles: [] } }
  await nano.request({ db: dbName, path: '_security', method: 'PUT', body: open })
  assert.equal((await login.use(dbName).get('contested')).n, 2)
  await users.destroy(`org.couchdb.user:${dbName}`, rev)
}

async function destroy() {
  assert.deepEqual(await db.compact(), { ok: true })
  assert.deepEqual(await nano.db.destroy(dbName), { ok: true })
  const gone = await refusal(db.info())
  assert.deepEqual([gone.statusCode, gone.error], [404, 'not_found'])
}

await round({
  create, put, conflict, bulk, changes, 'longpoll changes': longpollChanges,
  'continuous changes': continuousChanges, attachments, security, destroy
})
