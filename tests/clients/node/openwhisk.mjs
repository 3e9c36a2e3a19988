/** The npm `openwhisk` client: every call that it has, as apps and actions make them. */
import assert from 'node:assert/strict'
import { env } from 'node:process'
import openwhisk from 'openwhisk'
import { refusal, round, until } from './round.mjs'

const namespace = env.OW_NAMESPACE
const kind = env.OW_KIND
const ow = openwhisk({ apihost: env.OW_URL, api_key: env.OW_KEY })
const code = {
  python: 'def main(args):\n    print("hello", args.get("name"))\n    return {"greeting": "Hello " + args.get("name", "nobody")}\n',
  python_shout: 'def main(args):\n    return {"greeting": args["greeting"].upper()}\n',
  python_fails: 'def main(args):\n    return {"error": "on purpose"}\n'
}
const gone = (call) => refusal(call).then((error) => assert.equal(error.statusCode, 404))

async function namespaces() {
  assert.deepEqual(await ow.namespaces.list(), [namespace])
  assert.deepEqual(await ow.namespaces.get(), { actions: [], packages: [], triggers: [], rules: [] })
}

async function unknown() {
  const stranger = openwhisk({ apihost: env.OW_URL, api_key: 'no:body' })
  const refused = await refusal(stranger.actions.list())
  assert.equal(refused.statusCode, 401)
  assert.equal(typeof refused.error.code, 'string')
  assert.equal((await refusal(ow.actions.list({ namespace: 'stranger' }))).statusCode, 403)
}

async function actions() {
  await gone(ow.actions.get('glorfindel'))
  await gone(ow.actions.delete({ name: 'glorfindel' }))
  await gone(ow.actions.invoke({ name: 'glorfindel' }))
  const made = await ow.actions.create({
    name: 'hello', action: code.python, kind, params: { name: 'world' }, annotations: { note: 1 }, limits: { memory: 128 }
  })
  assert.deepEqual(
    [made.namespace, made.name, made.version, made.exec.code, made.limits.memory],
    [namespace, 'hello', '0.0.1', code.python, 128]
  )
  assert.deepEqual(made.parameters, [{ key: 'name', value: 'world' }])
  assert.ok(made.annotations.some(({ key, value }) => key === 'note' && value === 1))
  const taken = await refusal(ow.actions.create({ name: 'hello', action: code.python, kind }))
  assert.deepEqual([taken.statusCode, taken.error.error], [409, 'resource already exists'])
  assert.equal((await ow.actions.get({ name: 'hello' })).exec.code, code.python)
  assert.equal((await ow.actions.get({ actionName: `/${namespace}/hello`, code: false })).exec.code, undefined)
  const updated = await ow.actions.update({ name: 'hello', action: code.python, kind, params: { name: 'you' }, version: '1.0.0' })
  assert.deepEqual([updated.version, updated.parameters], ['1.0.0', [{ key: 'name', value: 'you' }]])
  const defaults = await ow.actions.create({ name: 'js', action: 'const main = () => ({})' })
  assert.match(defaults.exec.kind, /^nodejs:\d+$/)
  const binary = await ow.actions.create({ name: 'zip', action: Buffer.from('PK no real archive'), kind })
  assert.equal(binary.exec.binary, true)
  assert.equal(Buffer.from(binary.exec.code, 'base64').toString(), 'PK no real archive')
  assert.deepEqual((await ow.actions.list()).map((each) => each.name), ['zip', 'js', 'hello'])
  assert.deepEqual((await ow.actions.list({ limit: 1, skip: 1 })).map((each) => each.name), ['js'])
  assert.deepEqual(await ow.actions.list({ count: true }), { actions: 3 })
  assert.deepEqual((await ow.actions.delete(['js', 'zip'])).map((each) => each.name), ['js', 'zip'])
}

async function invocations() {
  const record = await ow.actions.invoke({ name: 'hello', blocking: true, params: { name: 'Ann' } })
  assert.deepEqual(record.response.result, { greeting: 'Hello Ann' })
  assert.deepEqual([record.response.success, record.response.status], [true, 'success'])
  assert.deepEqual(await ow.actions.invoke({ name: 'hello', blocking: true, result: true }), { greeting: 'Hello you' })
  const { activationId } = await ow.actions.invoke({ name: 'hello' })
  assert.match(activationId, /^[0-9a-f]{32}$/)
  await found(activationId)
  await ow.actions.create({ name: 'fails', action: code.python_fails, kind })
  const failed = await refusal(ow.actions.invoke({ name: 'fails', blocking: true }))
  assert.deepEqual([failed.statusCode, failed.error.response.result.error], [502, 'on purpose'])
  await ow.actions.create({ name: 'js', action: 'function main({ name }) { return { greeting: `Hello ${name}` } }' })
  assert.deepEqual(
    await ow.actions.invoke({ name: 'js', blocking: true, result: true, params: { name: 'Jo' } }), { greeting: 'Hello Jo' }
  )
  await ow.actions.delete('js')
  await ow.actions.create({ name: 'shout', action: code.python_shout, kind })
  const sequence = await ow.actions.create({
    name: 'both', sequence: [`/${namespace}/hello`, `/${namespace}/shout`]
  })
  assert.equal(sequence.exec.kind, 'sequence')
  assert.deepEqual(
    await ow.actions.invoke({ name: 'both', blocking: true, result: true, params: { name: 'Bo' } }), { greeting: 'HELLO BO' }
  )
}

/** The record of an activation that goes on for a moment yet. */
const found = (id) => until(
  () => ow.activations.get(id).catch((error) => { assert.equal(error.statusCode, 404) }), (record) => record
)

async function activations() {
  const record = await ow.actions.invoke({ name: 'hello', blocking: true, params: { name: 'Cy' } })
  const id = record.activationId
  const stored = await found(id)
  assert.deepEqual([stored.activationId, stored.name, stored.response.success], [id, 'hello', true])
  const { logs } = await until(() => ow.activations.logs({ name: id }), (answer) => answer.logs.length)
  assert.match(logs[0], /^\d{4}-\d\d-\d\dT[\d:.]+Z +stdout: hello Cy$/)
  assert.deepEqual((await ow.activations.result({ activationId: id })).result, { greeting: 'Hello Cy' })
  const listed = await ow.activations.list({ name: 'hello', limit: 1 })
  assert.deepEqual(listed.map((each) => [each.activationId, each.statusCode]), [[id, 0]])
  const [whole] = await ow.activations.list({ docs: true, limit: 1, since: stored.start, upto: stored.start })
  assert.deepEqual(whole.response.result, { greeting: 'Hello Cy' })
  assert.ok((await ow.activations.list({ count: true, name: 'hello' })).activations >= 4)
  assert.deepEqual(await ow.activations.list({ upto: 1 }), [])
  await gone(ow.activations.get('0'.repeat(32)))
  assert.equal((await refusal(ow.activations.get('short'))).statusCode, 400)
}

async function packages() {
  const made = await ow.packages.create({
    name: 'tools', package: { parameters: [{ key: 'name', value: 'package' }], publish: true }, annotations: { a: 'b' }
  })
  assert.deepEqual([made.name, made.version, made.publish], ['tools', '0.0.1', true])
  await ow.actions.create({ name: 'tools/hello', action: code.python, kind })
  assert.deepEqual((await ow.packages.get('tools')).actions.map((each) => each.name), ['hello'])
  const bound = await ow.packages.update({
    name: 'bound', package: { binding: { namespace, name: 'tools' }, parameters: [{ key: 'name', value: 'binding' }] }
  })
  assert.deepEqual(bound.binding, { namespace, name: 'tools' })
  for (const [name, who] of [['tools/hello', 'package'], ['bound/hello', 'binding']]) {
    assert.deepEqual(await ow.actions.invoke({ name, blocking: true, result: true }), { greeting: `Hello ${who}` })
  }
  assert.equal((await ow.packages.update({ name: 'tools', package: { publish: false } })).version, '0.0.2')
  assert.deepEqual((await ow.packages.list({ limit: 2 })).map((each) => each.name).sort(), ['bound', 'tools'])
  assert.deepEqual(await ow.packages.list({ count: true }), { packages: 2 })
  assert.equal((await refusal(ow.packages.delete('tools'))).statusCode, 409)
  await ow.packages.delete('bound')
  await ow.actions.delete('tools/hello')
  await ow.packages.delete('tools')
  await gone(ow.packages.get('tools'))
}

async function triggers() {
  const made = await ow.triggers.create({ name: 'bell', trigger: { parameters: [{ key: 'name', value: 'bell' }] } })
  assert.deepEqual([made.name, made.version, made.limits, made.annotations], ['bell', '0.0.1', {}, []])
  assert.equal((await ow.triggers.update({ name: 'bell', trigger: { annotations: [{ key: 'a', value: 1 }] } })).version, '0.0.2')
  assert.deepEqual((await ow.triggers.get('bell')).annotations, [{ key: 'a', value: 1 }])
  assert.deepEqual((await ow.triggers.list()).map((each) => each.name), ['bell'])
  assert.deepEqual(await ow.triggers.list({ count: true }), { triggers: 1 })
  assert.ok(!(await ow.triggers.invoke({ name: 'bell', params: {} })).activationId)
}

async function rules() {
  const made = await ow.rules.create({ name: 'ring', trigger: 'bell', action: 'hello' })
  assert.deepEqual([made.trigger, made.action, made.status], [
    { path: namespace, name: 'bell' }, { path: namespace, name: 'hello' }, 'active'
  ])
  const { activationId } = await ow.triggers.invoke({ name: 'bell', params: { more: true } })
  const record = await found(activationId)
  const line = JSON.parse(record.logs[0])
  assert.deepEqual([line.success, line.action, line.rule], [true, `${namespace}/hello`, `${namespace}/ring`])
  assert.deepEqual((await found(line.activationId)).response.result, { greeting: 'Hello bell' })
  await ow.rules.disable({ name: 'ring' })
  assert.equal((await ow.rules.get('ring')).status, 'inactive')
  assert.ok(!(await ow.triggers.invoke({ name: 'bell' })).activationId)
  await ow.rules.enable({ name: 'ring' })
  assert.equal((await ow.rules.get('ring')).status, 'active')
  const updated = await ow.rules.update({ name: 'ring', trigger: 'bell', action: 'shout' })
  assert.deepEqual([updated.version, updated.action.name, updated.status], ['0.0.2', 'shout', 'active'])
  assert.deepEqual((await ow.rules.list({ limit: 1 })).map((each) => each.name), ['ring'])
  assert.deepEqual(await ow.rules.list({ count: true }), { rules: 1 })
  assert.equal((await refusal(ow.rules.create({ name: 'none', trigger: 'bell', action: 'glorfindel' }))).statusCode, 400)
  await ow.triggers.delete('bell')
  assert.equal((await ow.rules.get('ring')).status, 'inactive')
  await ow.rules.delete('ring')
  await gone(ow.rules.get('ring'))
}

async function feeds() {
  await ow.triggers.create({ name: 'clock' })
  const feed = { name: '/whisk.system/alarms/alarm', trigger: 'clock' }
  const params = { cron: '0 0 1 1 *', trigger_payload: { name: 'new year' } }
  assert.equal((await ow.feeds.create({ ...feed, params })).response.success, true)
  const read = (await ow.feeds.get(feed)).response.result
  assert.equal(read.config.cron, params.cron)
  assert.equal((await ow.feeds.update({ ...feed, params: { cron: '0 0 2 1 *' } })).response.success, true)
  assert.equal((await ow.feeds.delete(feed)).response.success, true)
  await ow.triggers.delete('clock')
}

async function cleared() {
  await ow.actions.delete(['both', 'shout', 'fails', 'hello'])
  assert.deepEqual(await ow.namespaces.get(), { actions: [], packages: [], triggers: [], rules: [] })
}

await round({ namespaces, unknown, actions, invocations, activations, packages, triggers, rules, feeds, cleared })
