/** IBM's SDK for Node.js: replication documents from their writing to their end, and what the scheduler says. */
import assert from 'node:assert/strict'
import { BasicAuthenticator, CloudantV1 } from '@ibm-cloud/cloudant'
import { name, refusal, round, server, until } from './round.mjs'

const { user: username, password } = server
const service = new CloudantV1({
  authenticator: new BasicAuthenticator({ username, password }), serviceUrl: server.url
})
const [source, target, jobName] = [name('cloudant-source'), name('cloudant-target'), name('job')]
const result = async (call) => (await call).result
const end = (db) => ({ auth: { basic: { username, password } }, url: `${server.url}/${db}` })
const count = async (db) => (await result(service.getDatabaseInformation({ db }))).docCount
const row = (docId) => result(service.getSchedulerDocument({ docId })).catch(({ status }) => ({ status }))
const write = (docId, replicationDocument) => service.putReplicationDocument({ docId, replicationDocument })

/** The scheduler says a state a moment before it is in the document, whose revision it changes. */
const settled = (docId, state) => until(
  () => result(service.getReplicationDocument({ docId })), (doc) => doc._replication_state === state
)

async function remove(docId) {
  const { _rev: rev } = await result(service.getReplicationDocument({ docId }))
  assert.equal((await result(service.deleteReplicationDocument({ docId, rev }))).ok, true)
  await until(() => row(docId), ({ status }) => status === 404)
}

async function create() {
  await service.putDatabase({ db: source })
  await service.putDatabase({ db: '_replicator' }).catch(({ status }) => assert.equal(status, 412))
  const docs = Array.from({ length: 1200 }, (_, n) => ({ _id: `doc-${n}`, n }))
  await service.postBulkDocs({ db: source, bulkDocs: { docs } })
}

async function once() {
  const written = await write(jobName, { source: end(source), target: end(target), createTarget: true })
  assert.deepEqual([written.status, written.result.id], [201, jobName])
  const ended = await until(() => row(jobName), ({ state }) => state === 'completed')
  assert.deepEqual([ended.docId, ended.database, ended.errorCount], [jobName, '_replicator', 0])
  assert.deepEqual([ended.info.docsWritten, ended.info.docWriteFailures], [1200, 0])
  assert.equal(await count(target), 1200)
  await settled(jobName, 'completed')
  const { docs } = await result(service.getSchedulerDocs({ states: ['completed'] }))
  assert.ok(docs.some((one) => one.docId === jobName))
  await remove(jobName)
}

async function continuous() {
  await write(jobName, { source: end(source), target: end(target), continuous: true, selector: { n: { $gt: -1 } } })
  const running = await until(() => row(jobName), ({ state }) => state === 'running')
  assert.equal((await service.headSchedulerDocument({ docId: jobName })).status, 200)
  const { jobs, total_rows: rows, totalRows = rows } = await result(service.getSchedulerJobs({ limit: 10_000 }))
  assert.ok(totalRows >= 1)
  const job = jobs.find(({ docId }) => docId === jobName)
  assert.deepEqual([job.id, job.database, job.history.at(-1).type], [running.id, '_replicator', 'added'])
  assert.equal((await service.headSchedulerJob({ jobId: job.id })).status, 200)
  const one = await result(service.getSchedulerJob({ jobId: job.id }))
  assert.deepEqual([one.docId, one.source, one.target], [jobName, job.source, job.target])
  assert.ok(!JSON.stringify([one, running, jobs]).includes(password))
  const written = await result(service.putDocument({ db: source, docId: 'new', document: { n: 1 } }))
  await until(
    () => result(service.getDocument({ db: target, docId: 'new' })).catch(() => ({})),
    ({ _rev }) => _rev === written.rev
  )
  const tasks = await result(service.getActiveTasks())
  const task = tasks.find(({ docId }) => docId === jobName)
  assert.deepEqual([task.type, task.continuous, task.replicationId], ['replication', true, job.id])
  await remove(jobName)
  assert.equal((await refusal(service.getSchedulerJob({ jobId: job.id }))).status, 404)
}

async function failing() {
  const nowhere = await result(service.postReplicator({
    replicationDocument: { source: end(name('nowhere')), target: end(target), continuous: true }
  }))
  const crashing = await until(() => row(nowhere.id), ({ state }) => state === 'crashing')
  assert.match(crashing.info.error, /^db_not_found/)
  assert.ok(crashing.errorCount >= 1)
  await remove(nowhere.id)
  const refused = await refusal(write(jobName, { source: 5, target: end(target) }))
  assert.equal(refused.status, 403)
}

async function twice() {
  const asked = { source: end(source), target: end(target), continuous: true }
  await write(jobName, asked)
  await until(() => row(jobName), ({ state }) => state === 'running')
  await write(`${jobName}-2`, asked)
  const failed = await until(() => row(`${jobName}-2`), ({ state }) => state === 'failed')
  assert.match(failed.info.error, /already started, triggered by document/)
  await settled(`${jobName}-2`, 'failed')
  await remove(`${jobName}-2`)
  await remove(jobName)
}

async function destroy() {
  for (const db of [source, target]) assert.equal((await result(service.deleteDatabase({ db }))).ok, true)
}

await round({ create, once, continuous, failing, twice, destroy })
