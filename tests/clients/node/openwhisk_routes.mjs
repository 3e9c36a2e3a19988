/** The npm `openwhisk` client's routes: the API gateway's management, made, found and deleted. */
import assert from 'node:assert/strict'
import { env } from 'node:process'
import openwhisk from 'openwhisk'
import { refusal, round } from './round.mjs'

const kind = env.OW_KIND
const ow = openwhisk({ apihost: env.OW_URL, api_key: env.OW_KEY })
const action = 'def main(args):\n    return {"body": {}}\n'

const paths = ({ apis }) => apis.map((each) => [each.value.apidoc.basePath, Object.keys(each.value.apidoc.paths)])

async function create() {
  await ow.actions.create({ name: 'hello', action, kind, annotations: { 'web-export': true } })
  assert.deepEqual(await ow.routes.list(), { apis: [] })
  const made = await ow.routes.create({ basepath: '/pets', relpath: '/all', operation: 'get', action: 'hello', name: 'Pets' })
  assert.equal(made.gwApiActivated, true)
  assert.ok(made.gwApiUrl.endsWith('/pets'))
  assert.deepEqual([made.apidoc.basePath, made.apidoc.info.title], ['/pets', 'Pets'])
  await ow.routes.create({
    basepath: '/pets', relpath: '/one/{id}', operation: 'PUT', action: `/${env.OW_NAMESPACE}/hello`, responsetype: 'http'
  })
}

async function find() {
  assert.deepEqual(paths(await ow.routes.list()), [['/pets', ['/all', '/one/{id}']]])
  assert.deepEqual(paths(await ow.routes.get({ basepath: '/pets' })), [['/pets', ['/all', '/one/{id}']]])
  assert.deepEqual(paths(await ow.routes.get({ name: 'Pets' })), [['/pets', ['/all', '/one/{id}']]])
  assert.deepEqual(await ow.routes.get({ basepath: '/none' }), { apis: [] })
}

async function swagger() {
  const [{ value: { apidoc } }] = (await ow.routes.list()).apis
  await ow.routes.create({ swagger: JSON.stringify({ ...apidoc, basePath: '/copy' }) })
  assert.deepEqual(paths(await ow.routes.get({ basepath: '/copy' })), [['/copy', ['/all', '/one/{id}']]])
  await ow.routes.delete({ basepath: '/copy' })
}

async function remove() {
  await ow.routes.delete({ basepath: '/pets', relpath: '/all', operation: 'GET' })
  assert.deepEqual(paths(await ow.routes.list()), [['/pets', ['/one/{id}']]])
  await ow.routes.delete({ basepath: '/pets' })
  assert.deepEqual(await ow.routes.list(), { apis: [] })
  assert.equal((await refusal(ow.routes.delete({ basepath: '/pets' }))).statusCode, 502)
  const stranger = openwhisk({ apihost: env.OW_URL, api_key: 'no:body' })
  assert.equal((await refusal(stranger.routes.list())).statusCode, 401)
  await ow.actions.delete('hello')
}

await round({ create, find, swagger, remove })
