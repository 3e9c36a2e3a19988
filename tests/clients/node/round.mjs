/** What the rounds share: where the server is, and a runner that reports each step that passed. */
import { AssertionError } from 'node:assert'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { env } from 'node:process'
import { setTimeout } from 'node:timers/promises'

export const server = { url: env.COUCH_URL, user: env.COUCH_USER, password: env.COUCH_PASSWORD }

/** A fresh database name. */
export const name = (client) => `${client}-${randomBytes(6).toString('hex')}`

/** Runs the steps in their order; the first that throws ends the round with exit code 1. */
export async function round(steps) {
  for (const [step, run] of Object.entries(steps)) {
    await run()
    console.log(`passed: ${step}`)
  }
}

/** The error that a call is refused with. */
export async function refusal(call) {
  const outcome = await call.then((value) => ({ value }), (error) => ({ error }))
  if (outcome.error) return outcome.error
  throw new AssertionError({ message: `not refused: ${JSON.stringify(outcome.value)}` })
}

/** Resolves when `wanted(await look())` holds, looking again after each `event` of `emitter`. */
export async function eventually(emitter, event, look, wanted) {
  for (;;) {
    const next = once(emitter, event)
    const seen = await look()
    if (wanted(seen)) {
      next.catch(() => {})
      return seen
    }
    await next
  }
}

/** The first answer of `look` that `wanted` holds for. */
export async function until(look, wanted, pause_ms = 50) {
  for (;;) {
    const seen = await look()
    if (wanted(seen)) return seen
    await setTimeout(pause_ms)
  }
}

/** The URL of a database with the admin's credentials in it. */
export function signed(db) {
  const url = new URL(`${server.url}/${db}`)
  Object.assign(url, { username: server.user, password: server.password })
  return url.href
}

/** The lines of a byte stream, parsed; empty ones (heartbeats) are left out. */
export async function* jsonLines(stream) {
  let rest = ''
  for await (const chunk of stream) {
    rest += chunk
    const lines = rest.split('\n')
    rest = lines.pop()
    for (const line of lines) if (line.trim()) yield JSON.parse(line)
  }
}

/** The whole of a byte stream. */
export async function bytes(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
