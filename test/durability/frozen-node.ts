// Nobody waits for a node that stands still (durability.md D4).
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { AwayError } from '../../lib/base/errors.js'
import { makeProxy } from '../../lib/chaos/proxy.js'
import { addAccounts } from '../../lib/store/accounts.js'
import { limit, openDatabase, TIMEOUTS } from '../../lib/store/db.js'
import { applySchema } from '../../lib/store/schema.js'
import { ENGINE, testUrl } from '../helpers/database.js'
import { logWriter } from '../helpers/log.js'

const onlyServer = { skip: ENGINE === 'embedded' ? 'the embedded engine has one connection; set JIDWAY_TEST_DATABASE_URL' : false }
const RECEIVER = 'juliet@localhost'

t.test('D4: a process that was stopped in the middle of a group commit holds the others no longer than its time-out', onlyServer, async (t) => {
  const url = await testUrl(t)
  const db = await openDatabase({ url, data: '', connections: 2 })
  t.teardown(() => db.close())
  await applySchema(db)
  await addAccounts(db, ['romeo@localhost', RECEIVER].map((account) => ({ account, credentials: [] })))
  const writer = await logWriter(db)
  await writer.say('romeo@localhost', RECEIVER, 'before')

  const frozen = new pg.Client({ connectionString: url })
  frozen.on('error', () => {})
  await frozen.connect()
  t.teardown(() => frozen.end().catch(() => {}))
  await limit(frozen)
  await frozen.query('begin')
  await frozen.query('update account set seq = seq + 1 where account = $1', [RECEIVER])
  // and from here on it does nothing

  const begun = performance.now()
  let over = false
  const saying = writer.say('romeo@localhost', RECEIVER, 'after').then(() => {
    over = true
  })
  await sleep(TIMEOUTS.idle_in_transaction_session_timeout / 2)
  t.equal(over, false, 'its row is held')
  await saying
  const waited = performance.now() - begun
  t.ok(waited < TIMEOUTS.idle_in_transaction_session_timeout + 1500, `waited ${Math.round(waited)} ms`)
  await t.rejects(frozen.query('commit'), 'the frozen one has lost')
  t.same(await db.query('select seq from account where account = $1', [RECEIVER]), [{ seq: 2 }], 'and its number was given to nobody')
})

t.test('D4: a database whose machine has vanished holds nobody: its connection is given up, and another is made', onlyServer, async (t) => {
  const url = new URL(await testUrl(t))
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as AddressInfo
      server.close(() => resolve(free))
    })
  })
  const proxy = await makeProxy(port, Number(url.port))
  t.teardown(() => proxy.close())
  url.host = `127.0.0.1:${port}`
  const db = await openDatabase({ url: url.href, data: '', connections: 1, answerWithin: 300 })
  t.teardown(() => db.close())
  proxy.part()
  const begun = performance.now()
  await t.rejects(db.query('select 1'), AwayError)
  await t.rejects(db.transaction(async (tx) => tx.query('select 1')), AwayError)
  t.ok(performance.now() - begun < 12_000, 'no longer than it takes to find out that no other can be made')
  // what it was told goes nowhere any more
  proxy.join(true)
  t.same(await db.query('select 1 as one'), [{ one: 1 }])
})

t.test('D4: every connection of the pool has the time-outs', onlyServer, async (t) => {
  const db = await openDatabase({ url: await testUrl(t), data: '', connections: 3 })
  t.teardown(() => db.close())
  const settings = await Promise.all(Array.from({ length: 3 }, () => db.transaction(async (tx) => {
    await tx.query('select pg_sleep(0.05)')
    return tx.query<{ pid: number; name: string; setting: string }>('select pg_backend_pid() as pid, name, setting from pg_settings where name = any($1)', [Object.keys(TIMEOUTS)])
  })))
  t.equal(new Set(settings.map((rows) => rows[0]?.pid)).size, 3)
  for (const rows of settings) for (const { name, setting } of rows) t.equal(Number(setting), TIMEOUTS[name as keyof typeof TIMEOUTS], name)
})

t.test('D4: a database that does not keep to them is refused at the start, with what to do', onlyServer, async (t) => {
  const url = new URL(await testUrl(t))
  const admin = new pg.Client({ connectionString: url.toString() })
  await admin.connect()
  // as a pooler would that knows better
  await admin.query('create function public.set_config(text, text, boolean) returns text language sql as $$ select $2 $$')
  await admin.end()
  url.searchParams.set('options', '-c search_path=public,pg_catalog')
  await t.rejects(openDatabase({ url: url.toString(), data: '', connections: 1 }), { name: 'UsageError', message: /does not keep to \w+_timeout: it was set to \d+ ms and is \d+ ms\. If a pooler/ })
})
