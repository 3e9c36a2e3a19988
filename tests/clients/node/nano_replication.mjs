/** nano: replications asked for once, from now on and by documents, watched and taken away again. */
import assert from 'node:assert/strict'
import nanoClient from 'nano'
import { name, refusal, round, server, signed, until } from './round.mjs'

const nano = nanoClient(signed('').replace(/\/$/, ''))
const [source, target] = [name('nano-source'), name('nano-target')]
const docs = Array.from({ length: 1200 }, (_, n) => ({ _id: `doc-${n}`, n }))
const count = async (db) => (await nano.db.get(db)).doc_count
const scheduled = (path) => nano.request({ path: `_scheduler/${path}` })

async function create() {
  await nano.db.create(source)
  await nano.use(source).bulk({ docs })
  await nano.db.create('_replicator').catch((error) => assert.equal(error.statusCode, 412))
}

async function once() {
  const told = await nano.db.replicate(source, target, { create_target: true })
  assert.equal(told.ok, true)
  const [{ docs_read, docs_written, doc_write_failures, missing_found }] = told.history
  assert.deepEqual([docs_read, docs_written, doc_write_failures, missing_found], [1200, 1200, 0, 1200])
  assert.equal(await count(target), 1200)
  const again = await nano.use(source).replicate(target)
  assert.deepEqual([again.no_changes, again.session_id], [true, told.session_id])
  await nano.db.destroy(target)
  const gone = await refusal(nano.db.replicate(source, target))
  assert.deepEqual([gone.statusCode, gone.error], [500, 'db_not_found'])
}

async function chosen() {
  const some = name('nano-some')
  await nano.db.replicate(source, some, { create_target: true, doc_ids: ['doc-1', 'doc-2', 'nowhere'] })
  assert.equal(await count(some), 2)
  await nano.db.replicate(source, some, { selector: { n: { $lt: 10 } } })
  assert.equal(await count(some), 10)
  await nano.db.destroy(some)
}

async function continuous() {
  const told = await nano.db.replicate(source, target, { create_target: true, continuous: true })
  assert.equal(told.ok, true)
  assert.match(told._local_id, /^[0-9a-f]{32}\+continuous\+create_target$/)
  await until(() => count(target).catch(() => 0), (docs) => docs === 1200)
  const tasks = await nano.request({ path: '_active_tasks' })
  const task = tasks.find((one) => one.type === 'replication' && one.replication_id === told._local_id)
  assert.deepEqual([task.continuous, task.doc_id, task.user], [true, null, server.user])
  assert.ok(!JSON.stringify(tasks).includes(server.password))
  const { rev } = await nano.use(source).insert({ n: 'new' }, 'new')
  await until(() => nano.use(target).get('new').catch(() => ({})), (doc) => doc._rev === rev)
  const ended = await nano.db.replicate(source, target, { create_target: true, continuous: true, cancel: true })
  assert.equal(ended.ok, true)
  const { jobs } = await scheduled('jobs')
  assert.ok(!jobs.some((job) => job.id === told._local_id))
}

async function document() {
  const enabled = await nano.db.replication.enable(source, target, { continuous: true })
  const kept = await nano.db.replication.query(enabled.id)
  assert.deepEqual([kept.continuous, kept.source], [true, signed(source)])
  const path = `docs/_replicator/${enabled.id}`
  const row = await until(() => scheduled(path).catch(() => ({})), ({ state }) => state === 'running')
  assert.deepEqual([row.doc_id, row.database, row.error_count], [enabled.id, '_replicator', 0])
  assert.ok(!JSON.stringify(row).includes(server.password))
  const { rev } = await nano.use(source).insert({ n: 'by document' }, 'by document')
  await until(() => nano.use(target).get('by document').catch(() => ({})), (doc) => doc._rev === rev)
  const listed = await scheduled('docs?states=running')
  assert.ok(listed.docs.some((one) => one.doc_id === enabled.id))
  const { _rev } = await nano.db.replication.query(enabled.id)
  assert.equal((await nano.db.replication.disable(enabled.id, _rev)).ok, true)
  await until(() => refusal(scheduled(path)).catch(() => ({})), ({ statusCode }) => statusCode === 404)
}

async function completed() {
  const enabled = await nano.use(source).replication.enable(target)
  const path = `docs/_replicator/${enabled.id}`
  await until(() => scheduled(path).catch(() => ({})), ({ state }) => state === 'completed')
  const kept = await until(() => nano.db.replication.query(enabled.id), (doc) => doc._replication_state)
  assert.equal(kept._replication_state, 'completed')
  assert.equal(kept._replication_stats.doc_write_failures, 0)
  assert.equal((await nano.use(source).replication.disable(enabled.id, kept._rev)).ok, true)
}

async function destroy() {
  for (const db of [source, target]) assert.equal((await nano.db.destroy(db)).ok, true)
}

await round({ create, once, chosen, continuous, document, completed, destroy })
