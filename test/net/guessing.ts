// Guessing (RFC 6120 §13.9, design.md §6): what an unknown name shows, and how guesses are slowed, by stream, account and address.
import t from 'tap'
import { prepLocal } from '../../lib/base/jid.js'
import { credentialsOf } from '../../lib/store/accounts.js'
import { openDatabase } from '../../lib/store/db.js'
import { startSasl } from '../../lib/wire/sasl.js'
import type { SaslContext } from '../../lib/wire/sasl.js'
import { rawClient } from '../helpers/client.js'
import type { RawClient } from '../helpers/client.js'
import { ENGINE, SERVER_URL, testDatabase, testFolder } from '../helpers/database.js'
import { base64, plain, plainOutcome, scramOutcome } from '../helpers/scram.js'
import { addUsers, testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const opened = async (server: TestServer): Promise<RawClient> => {
  const client = await server.client()
  await client.open()
  return client
}

t.test('after the setting of iterations was changed an unknown name still looks like most known ones', async (t) => {
  const db = await testDatabase(t)
  await addUsers(db, ['romeo', 'juliet']) // 4,096 iterations
  const server = await testServer(t, { pbkdf2Iterations: 20_000 }, { db, users: [] })
  for (const name of ['romeo', 'nobody']) {
    const client = await opened(server)
    t.equal((await scramOutcome(client, 'SCRAM-SHA-256', name, 'wrong')).iterations, 4096, name)
    client.destroy()
  }
})

t.test('an unknown name sees what a known one sees, step for step, with a salt that stays, also when the server starts again', async (t) => {
  const seen = async (server: TestServer, name: string): Promise<{ outcome: string; salt: string; iterations: number }> => {
    const client = await opened(server)
    const { outcome: end, salt, iterations } = await scramOutcome(client, 'SCRAM-SHA-256', name, 'wrong')
    client.destroy()
    return { outcome: end, salt, iterations }
  }
  const folder = ENGINE === 'embedded' ? await testFolder(t) : ''
  const first = ENGINE === 'embedded' ? await openDatabase({ url: null, data: folder, connections: 1 }) : await testDatabase(t)
  const server = await testServer(t, {}, { db: first })
  const before = { known: await seen(server, 'romeo'), unknown: await seen(server, 'nobody') }
  t.same({ ...before.known, salt: '' }, { ...before.unknown, salt: '' })
  t.equal(before.known.salt.length, before.unknown.salt.length)
  t.not(before.known.salt, before.unknown.salt)
  t.same(await seen(server, 'nobody'), before.unknown)
  if (SERVER_URL !== undefined) return
  await server.stop()
  const again = await testServer(t, {}, { db: await openDatabase({ url: null, data: folder, connections: 1 }), users: [] })
  t.same({ known: await seen(again, 'romeo'), unknown: await seen(again, 'nobody') }, before)
})

t.test('how long an answer takes does not tell who exists: PLAIN and SCRAM, medians of 50', async (t) => {
  const server = await testServer(t)
  // on the exchange itself: on the wire a pause follows a wrong guess, the same for all, and hides what is looked for here
  const context: SaslContext = {
    lookup: (name) => credentialsOf(server.db, `${name}@localhost`), prepare: prepLocal, bindings: new Map(), channelBinding: 'strict',
    encrypted: true, decoySecret: Buffer.alloc(32, 1), iterations: server.settings.pbkdf2Iterations, domain: 'localhost',
  }
  const plainTry = async (name: string): Promise<void> => {
    t.match(await startSasl('PLAIN', context)?.respond(plain(name, 'wrong')), { condition: 'not-authorized' })
  }
  const scramTry = (mechanism: string) => async (name: string): Promise<void> => {
    const exchange = startSasl(mechanism, context)
    await exchange?.respond(Buffer.from(`n,,n=${name},r=abc`))
    // the proof is wrong, whatever it is; a client's own work must not be measured
    await exchange?.respond(Buffer.from(`c=biws,r=abc,p=${base64(Buffer.alloc(mechanism === 'SCRAM-SHA-1' ? 20 : 32))}`))
  }
  const median = (times: number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1] as number
  for (const [what, attempt] of [['PLAIN', plainTry], ['SCRAM-SHA-1', scramTry('SCRAM-SHA-1')], ['SCRAM-SHA-256', scramTry('SCRAM-SHA-256')]] as const) {
    const times = { romeo: [] as number[], nobody: [] as number[] }
    for (let i = 0; i < 120; i++) {
      for (const name of i % 2 === 0 ? ['romeo', 'nobody'] as const : ['nobody', 'romeo'] as const) {
        const start = performance.now()
        await attempt(name)
        if (i >= 20) times[name].push(performance.now() - start)
      }
    }
    const [known, unknown] = [median(times.romeo), median(times.nobody)]
    t.ok(Math.max(known, unknown) < 1.5 * Math.min(known, unknown) + 0.1, `${what}: known ${known.toFixed(2)} ms, unknown ${unknown.toFixed(2)} ms`)
  }
})

t.test('guesses on one stream are slowed, each more than the one before', async (t) => {
  const client = await opened(await testServer(t))
  const times: number[] = []
  for (let i = 0; i < 4; i++) {
    const start = performance.now()
    t.equal(await plainOutcome(client, 'romeo', `wrong${i}`), 'not-authorized')
    times.push(performance.now() - start)
  }
  t.ok((times[0] as number) >= 95 && (times[3] as number) >= 795, times.map((ms) => ms.toFixed(0)).join(', '))
})

const guess = async (server: TestServer, user: string, password: string): Promise<string> => {
  const client = await opened(server)
  const result = await plainOutcome(client, user, password)
  client.destroy()
  return result
}

t.test('an account that is guessed at is locked for a while: the right password waits too, and works when the time is over', async (t) => {
  const server = await testServer(t, { loginFailuresPerAccount: 2 })
  for (let i = 0; i < 3; i++) t.equal(await guess(server, 'romeo', 'wrong'), 'not-authorized')
  t.equal(await guess(server, 'romeo', 'romeo'), 'temporary-auth-failure')
  t.equal(await guess(server, 'ROMEO', 'wrong'), 'temporary-auth-failure', 'in every spelling')
  t.equal(await guess(server, 'juliet', 'juliet'), 'success', 'others are not concerned')
  await new Promise((resolve) => setTimeout(resolve, 1100))
  t.equal(await guess(server, 'romeo', 'romeo'), 'success')
})

t.test('an address that guesses at many accounts is locked out, and let in again', async (t) => {
  const server = await testServer(t, { loginFailuresPerAddress: 2 })
  for (const user of ['a', 'b', 'c']) t.equal(await guess(server, user, 'wrong'), 'not-authorized')
  t.equal(await guess(server, 'juliet', 'juliet'), 'temporary-auth-failure')
  const elsewhere = await rawClient(server.c2s, { localAddress: '127.0.0.3' })
  t.teardown(() => elsewhere.destroy())
  await elsewhere.login('juliet', 'juliet')
  t.pass('another address is not concerned')
  await new Promise((resolve) => setTimeout(resolve, 1100))
  t.equal(await guess(server, 'juliet', 'juliet'), 'success')
})
