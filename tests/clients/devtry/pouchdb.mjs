/** PouchDB 9: its http adapter as a client, and live replication both ways with a local database. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import PouchDB from 'pouchdb'
import memory from 'pouchdb-adapter-memory'
import { eventually, name, refusal, round, server } from './round.mjs'

PouchDB.plugin(memory)

const auth = { username: server.user, password: server.password }
const db = name('pouchdb')
const remote = new PouchDB(`${server.url}/${db}`, { auth })
const local = new PouchDB(db, { adapter: 'memory' })
const base64 = (text) => Buffer.from(text).toString('base64')

async function create() {
  const info = await remote.info()
  assert.equal(info.db_name, db)
  assert.equal(info.doc_count, 0)
}

async function put() {
  const first = await remote.put({ _id: 'a/b +ü', name: 'grass', big: 1e15, nested: { list: [1, null, 'ü'] } })
  assert.match(first.rev, /^1-[0-9a-f]{32}$/)
  const read = await remote.get('a/b +ü')
  assert.deepEqual(read, {
    _id: 'a/b +ü', _rev: first.rev, name: 'grass', big: 1e15, nested: { list: [1, null, 'ü'] }
  })
  const second = await remote.put({ ...read, name: 'couch grass' })
  assert.match(second.rev, /^2-/)
  const revs = await remote.get('a/b +ü', { revs: true, revs_info: true })
  assert.deepEqual(revs._revisions.ids.map((id, n) => `${revs._revisions.start - n}-${id}`), [second.rev, first.rev])
  assert.deepEqual(revs._revs_info.map((info) => info.status), ['available', revs._revs_info[1].status])
  const posted = await remote.post({ kind: 'posted' })
  assert.equal((await remote.get(posted.id)).kind, 'posted')
  const removed = await remote.remove(posted.id, posted.rev)
  assert.match(removed.rev, /^2-/)
  const gone = await refusal(remote.get(posted.id))
  assert.deepEqual([gone.status, gone.name, gone.reason], [404, 'not_found', 'deleted'])
  const missing = await refusal(remote.get('nowhere'))
  assert.deepEqual([missing.status, missing.reason], [404, 'missing'])
  const here = await remote.put({ _id: '_local/note', n: 1 })
  assert.equal(here.id, '_local/note')
  assert.equal((await remote.get('_local/note')).n, 1)
}

async function conflict() {
  const first = await remote.put({ _id: 'contested', n: 0 })
  await remote.put({ _id: 'contested', _rev: first.rev, n: 1 })
  const late = await refusal(remote.put({ _id: 'contested', _rev: first.rev, n: 2 }))
  assert.deepEqual([late.status, late.name], [409, 'conflict'])
  const fresh = await refusal(remote.put({ _id: 'contested', n: 3 }))
  assert.equal(fresh.status, 409)
  const [low, high] = ['a'.repeat(32), 'b'.repeat(32)]
  await remote.bulkDocs(
    [low, high].map((id) => ({ _id: 'branched', _rev: `1-${id}`, side: id[0] })), { new_edits: false }
  )
  const winner = await remote.get('branched', { conflicts: true })
  assert.deepEqual(winner, { _id: 'branched', _rev: `1-${high}`, side: 'b', _conflicts: [`1-${low}`] })
  const leaves = await remote.get('branched', { open_revs: 'all' })
  assert.deepEqual(leaves.map((leaf) => leaf.ok.side).sort(), ['a', 'b'])
  const diff = await remote.revsDiff({ branched: [`1-${low}`, `1-${'c'.repeat(32)}`] })
  assert.deepEqual(diff.branched.missing, [`1-${'c'.repeat(32)}`])
}

async function bulk() {
  const docs = Array.from({ length: 50 }, (_, n) => ({ _id: `bulk-${String(n).padStart(3, '0')}`, n }))
  const written = await remote.bulkDocs(docs)
  assert.deepEqual(written.map((row) => [row.ok, row.id]), docs.map((doc) => [true, doc._id]))
  const again = await remote.bulkDocs(docs.slice(0, 2))
  assert.deepEqual(again.map((row) => [row.status, row.name, row.id]), [
    [409, 'conflict', 'bulk-000'], [409, 'conflict', 'bulk-001']
  ])
  const range = await remote.allDocs({ startkey: 'bulk-010', endkey: 'bulk-012', include_docs: true })
  assert.deepEqual(range.rows.map((row) => row.doc.n), [10, 11, 12])
  const keyed = await remote.allDocs({ keys: ['bulk-003', 'nowhere', 'bulk-001'] })
  assert.deepEqual(keyed.rows.map((row) => row.id ?? row.error), ['bulk-003', 'not_found', 'bulk-001'])
  const down = await remote.allDocs({ descending: true, startkey: 'bulk-049', limit: 2, skip: 1 })
  assert.deepEqual(down.rows.map((row) => row.id), ['bulk-048', 'bulk-047'])
  const got = await remote.bulkGet({ docs: [{ id: 'bulk-007', rev: written[7].rev }, { id: 'nowhere' }] })
  assert.equal(got.results[0].docs[0].ok.n, 7)
  assert.equal(got.results[1].docs[0].error.error, 'not_found')
}

async function changes() {
  const all = await remote.changes({ since: 0, style: 'all_docs' })
  const branched = all.results.find((row) => row.id === 'branched')
  assert.equal(branched.changes.length, 2)
  assert.equal(new Set(all.results.map((row) => row.id)).size, all.results.length)
  const rest = await remote.changes({ since: all.last_seq })
  assert.deepEqual(rest.results, [])
  const three = await remote.changes({ since: 0, limit: 3 })
  assert.equal(three.results.length, 3)
  const named = await remote.changes({ doc_ids: ['bulk-001', 'bulk-002'], include_docs: true })
  assert.deepEqual(named.results.map((row) => row.doc.n).sort(), [1, 2])
  const chosen = await remote.changes({ since: 0, selector: { n: { $gt: 47 } } })
  assert.deepEqual(chosen.results.map((row) => row.id).sort(), ['bulk-048', 'bulk-049'])
}

async function liveChanges() {
  const { update_seq: since } = await remote.info()
  const feed = remote.changes({ since, live: true, include_docs: true })
  for (const n of [1, 2]) {
    const seen = once(feed, 'change')
    const written = await remote.put({ _id: `live-${n}`, n })
    const [change] = await seen
    assert.deepEqual([change.id, change.doc.n, change.changes], [`live-${n}`, n, [{ rev: written.rev }]])
  }
  const ended = once(feed, 'complete')
  feed.cancel()
  await ended
}

async function attachments() {
  const text = 'couch grass '.repeat(1000)
  const bytes = Buffer.from([0, 1, 2, 253, 254, 255])
  const { rev } = await remote.put({
    _id: 'with files', _attachments: { 'a/note.txt': { content_type: 'text/plain', data: base64(text) } }
  })
  const put = await remote.putAttachment('with files', 'raw.bin', rev, bytes, 'application/octet-stream')
  assert.match(put.rev, /^2-/)
  const raw = await remote.getAttachment('with files', 'raw.bin')
  assert.deepEqual([Buffer.compare(raw, bytes), raw.type], [0, 'application/octet-stream'])
  assert.equal((await remote.getAttachment('with files', 'a/note.txt')).toString(), text)
  const stubs = (await remote.get('with files'))._attachments
  assert.deepEqual(stubs['raw.bin'], {
    content_type: 'application/octet-stream', revpos: 2, length: 6, stub: true,
    digest: `md5-${createHash('md5').update(bytes).digest('base64')}`
  })
  assert.deepEqual([stubs['a/note.txt'].length, stubs['a/note.txt'].revpos], [text.length, 1])
  const whole = (await remote.get('with files', { attachments: true }))._attachments
  assert.deepEqual([whole['raw.bin'].data, whole['a/note.txt'].data], [bytes.toString('base64'), base64(text)])
  const removed = await remote.removeAttachment('with files', 'raw.bin', put.rev)
  assert.deepEqual(Object.keys((await remote.get('with files'))._attachments), ['a/note.txt'])
  assert.match(removed.rev, /^3-/)
  const gone = await refusal(remote.getAttachment('with files', 'raw.bin'))
  assert.equal(gone.status, 404)
}

async function security() {
  const members = { admins: { names: [], roles: ['_admin'] }, members: { names: ['nobody-else'], roles: [] } }
  const headers = new Headers({ 'Content-Type': 'application/json' })
  const put = await remote.fetch('_security', { method: 'PUT', headers, body: JSON.stringify(members) })
  assert.deepEqual(await put.json(), { ok: true })
  assert.deepEqual(await (await remote.fetch('_security')).json(), members)
  const anonymous = new PouchDB(`${server.url}/${db}`, { skip_setup: true })
  const refused = await refusal(anonymous.get('contested'))
  assert.deepEqual([refused.status, refused.name], [401, 'unauthorized'])
}

async function replicate() {
  const pulled = await local.replicate.from(remote)
  assert.equal(pulled.ok, true)
  assert.equal(pulled.doc_write_failures, 0)
  assert.deepEqual((await local.get('branched', { conflicts: true }))._conflicts, [`1-${'a'.repeat(32)}`])
  assert.equal((await local.getAttachment('with files', 'a/note.txt')).length, 12000)
  const again = await local.replicate.from(remote)
  assert.deepEqual([again.docs_read, again.docs_written], [0, 0])
}

async function liveSync() {
  const sync = local.sync(remote, { live: true, retry: false })
  const failed = once(sync, 'error').then(([error]) => { throw error })
  await Promise.race([failed, syncBothWays(sync)])
}

async function syncBothWays(sync) {
  const reads = (side, id, options) => () => side.get(id, options).catch(() => undefined)
  await local.put({
    _id: 'from here', n: 1, _attachments: { 'n.txt': { content_type: 'text/plain', data: base64('up') } }
  })
  const up = await eventually(sync, 'change', reads(remote, 'from here', { attachments: true }), Boolean)
  assert.deepEqual([up.n, up._attachments['n.txt'].data], [1, base64('up')])
  const { rev } = await remote.put({ _id: 'from there', n: 2 })
  const down = await eventually(sync, 'change', reads(local, 'from there'), Boolean)
  assert.deepEqual(down, { _id: 'from there', _rev: rev, n: 2 })
  await local.remove(up)
  await eventually(sync, 'change', reads(remote, 'from here'), (doc) => doc === undefined)
  const ended = once(sync, 'complete')
  sync.cancel()
  const [{ push, pull }] = await ended
  assert.deepEqual([push.errors, pull.errors], [[], []])
}

async function bothEndsAgree() {
  const base = await remote.get('from there')
  await Promise.all([local.put({ ...base, side: 'local' }), remote.put({ ...base, side: 'remote' })])
  await local.sync(remote)
  const [here, there] = await Promise.all([local, remote].map((side) => side.get(base._id, { conflicts: true })))
  assert.deepEqual(here, there)
  assert.equal(here._conflicts.length, 1)
}

async function destroy() {
  assert.equal((await remote.destroy()).ok, true)
  const bare = new PouchDB(`${server.url}/${db}`, { auth, skip_setup: true })
  const gone = await refusal(bare.get('contested'))
  assert.equal(gone.status, 404)
  await local.destroy()
}

await round({
  create, put, conflict, bulk, changes, 'live changes': liveChanges, attachments, security, replicate,
  'live sync': liveSync, 'both ends agree': bothEndsAgree, destroy
})
