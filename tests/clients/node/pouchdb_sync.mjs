/**
 * PouchDB syncs live with two databases that our replicator keeps equal: here <-> east <-> west <-> there.
 * Whatever is written at any of the four, at the same time, is at all of them in the end.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import PouchDB from 'pouchdb'
import memory from 'pouchdb-adapter-memory'
import { name, round, server, signed, until } from './round.mjs'

PouchDB.plugin(memory)

const base = name('sync')
const auth = { username: server.user, password: server.password }
const remote = (side) => new PouchDB(`${server.url}/${base}-${side}`, { auth })
const local = (side) => new PouchDB(`${base}-${side}`, { adapter: 'memory' })
const [east, west, here, there] = [remote('east'), remote('west'), local('here'), local('there')]
const all = { here, east, west, there }
const jobs = []
const syncs = []
const hash = (text) => createHash('md5').update(text).digest('hex')
const file = (text) => ({ content_type: 'application/octet-stream', data: Buffer.from(text).toString('base64') })
const ids = Array.from({ length: 300 }, (_, n) => `doc-${String(n).padStart(3, '0')}`)

async function call(path, body) {
  const basic = Buffer.from(`${server.user}:${server.password}`).toString('base64')
  const headers = { authorization: `Basic ${basic}`, 'content-type': 'application/json' }
  const answer = await fetch(`${server.url}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  return answer.json()
}

/** Each document's leaves, and whether it is deleted. */
async function leaves(db) {
  const { results } = await db.changes({ since: 0, style: 'all_docs' })
  const rows = results.map((row) => [row.id, [row.changes.map(({ rev }) => rev).sort(), Boolean(row.deleted)]])
  return Object.fromEntries(rows.sort())
}

/** What all four have, as soon as that is the same. */
async function agreed() {
  const texts = await until(
    async () => (await Promise.all(Object.values(all).map(leaves))).map((found) => JSON.stringify(found)),
    ([first, ...others]) => others.every((other) => other === first)
  )
  return JSON.parse(texts[0])
}

async function connect() {
  await Promise.all([east.info(), west.info()])
  for (const [source, target] of [['east', 'west'], ['west', 'east']]) {
    const asked = { source: signed(`${base}-${source}`), target: signed(`${base}-${target}`), continuous: true }
    const told = await call('_replicate', asked)
    assert.equal(told.ok, true)
    jobs.push(told._local_id)
  }
  syncs.push(here.sync(east, { live: true }), there.sync(west, { live: true }))
  for (const sync of syncs) sync.on('error', (error) => { throw error }).on('denied', (error) => { throw error })
}

async function documents() {
  await here.bulkDocs(ids.map((_id, n) => ({ _id, n })))
  const first = await there.put({ _id: 'files', _attachments: { 'a.bin': file('a'), 'b.bin': file('b'.repeat(9999)) } })
  await there.put({ _id: '_design/app', views: { by_n: { map: 'function (doc) { emit(doc.n) }' } } })
  await there.put({ _id: '_local/not for others', n: 1 })
  await until(() => here.get('files').catch(() => ({})), ({ _rev }) => _rev === first.rev)
  const found = await agreed()
  assert.deepEqual(Object.keys(found).sort(), ['_design/app', ...ids, 'files'].sort())
}

async function conflicts() {
  const doc = await here.get('doc-000')
  const sides = Object.entries(all)
  await Promise.all(sides.map(([side, db]) => db.bulkDocs([{
    ...doc, side, _attachments: { [`${side}.bin`]: file(side) },
    _rev: `2-${hash(side)}`, _revisions: { start: 2, ids: [hash(side), doc._rev.slice(2)] }
  }], { new_edits: false })))
  await until(async () => (await leaves(there))['doc-000']?.[0] ?? [], (revs) => revs.length === 4)
  const { 'doc-000': [revs] } = await agreed()
  assert.deepEqual(revs, sides.map(([side]) => `2-${hash(side)}`).sort())
  const winners = await Promise.all(sides.map(([, db]) => db.get('doc-000', { conflicts: true })))
  for (const winner of winners) {
    assert.equal(winner._rev, revs.at(-1))
    assert.deepEqual(winner._conflicts.sort(), revs.slice(0, -1))
    assert.deepEqual(winner, { ...winners[0], _conflicts: winner._conflicts })
  }
  for (const [, db] of sides) {
    for (const [side] of sides) {
      const bytes = await db.getAttachment('doc-000', `${side}.bin`, { rev: `2-${hash(side)}` })
      assert.equal(String(bytes), side)
    }
  }
}

async function deletions() {
  const [edited, removed, both] = await Promise.all(['doc-001', 'doc-002', 'doc-003'].map((id) => here.get(id)))
  // West's own request goes first: after the copy of the other deletion it would be a conflict.
  const [{ rev }] = await Promise.all([
    there.put({ ...edited, kept: true }), west.remove(both), here.remove(edited), east.remove(removed), here.remove(both)
  ])
  const gone = (db, id) => db.get(id).then(() => false, ({ reason }) => reason === 'deleted')
  await until(() => Promise.all(Object.values(all).map((db) => gone(db, 'doc-002'))), (seen) => seen.every(Boolean))
  await until(() => Promise.all(Object.values(all).map((db) => gone(db, 'doc-003'))), (seen) => seen.every(Boolean))
  await until(
    () => Promise.all(Object.values(all).map(async (db) => (await leaves(db))['doc-001']?.[0] ?? [])),
    (seen) => seen.every((revs) => revs.length === 2)
  )
  await agreed()
  for (const db of Object.values(all)) {
    const kept = await db.get('doc-001', { deleted_conflicts: true })
    assert.deepEqual([kept._rev, kept.kept], [rev, true])
  }
}

async function resolution() {
  const { _conflicts: losers } = await west.get('doc-000', { conflicts: true })
  await west.bulkDocs(losers.map((_rev) => ({ _id: 'doc-000', _rev, _deleted: true })))
  await until(() => here.get('doc-000', { conflicts: true }), (doc) => doc._conflicts === undefined)
  await agreed()
}

async function attachments() {
  const doc = await here.get('files')
  const { 'a.bin': stub } = doc._attachments
  await here.put({ ...doc, _attachments: { 'a.bin': stub, 'c.bin': file('c') } })
  await until(() => there.get('files'), ({ _attachments }) => _attachments['c.bin'])
  const found = await Promise.all(Object.values(all).map((db) => db.get('files', { attachments: true })))
  // PouchDB counts an attachment that it pulls as new: its revpos is its own.
  for (const one of found) for (const stub of Object.values(one._attachments)) delete stub.revpos
  for (const one of found) assert.deepEqual(one, found[0])
  assert.deepEqual(Object.keys(found[0]._attachments), ['a.bin', 'c.bin'])
}

async function disconnect() {
  for (const sync of syncs) {
    const ended = once(sync, 'complete')
    sync.cancel()
    const [{ push, pull }] = await ended
    assert.deepEqual([push.errors, pull.errors], [[], []])
  }
  for (const id of jobs) assert.equal((await call('_replicate', { cancel: true, replication_id: id })).ok, true)
  await Promise.all(Object.values(all).map((db) => db.destroy()))
}

await round({ connect, documents, conflicts, deletions, resolution, attachments, disconnect })
