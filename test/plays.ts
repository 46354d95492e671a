// Every play of test/plays, twice: in memory, and over real sockets. test/helpers/play.ts tells how they are written.
import { readFileSync, readdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import t from 'tap'
import { rawClient } from './helpers/client.js'
import type { RawClient } from './helpers/client.js'
import { perform, titleOf } from './helpers/play.js'
import { ROOT } from './helpers/root.js'
import { addUsers, testServer, USERS } from './helpers/server.js'
import type { TestServer } from './helpers/server.js'

const FOLDER = join(ROOT, 'test/plays')
const plays = readdirSync(FOLDER).filter((file) => file.endsWith('.play')).toSorted()
const STAGES = ['memory', 'sockets'] as const
const domainOf = (stage: string, file: string): string => `${file.replace('.play', '')}.${stage}.example`

/** Both ends of a connection that no kernel has seen. */
const pair = (server: TestServer): Socket => {
  const [ours, theirs] = duplexPair({ allowHalfOpen: false }) as unknown as [Socket, Socket]
  ours.on('close', () => theirs.destroy())
  theirs.on('close', () => ours.destroy())
  server.welcome(Object.assign(theirs, { remoteAddress: '127.0.0.1', setNoDelay: () => theirs }))
  return ours
}

t.test('plays', async (t) => {
  const domain = plays.flatMap((file) => STAGES.map((stage) => domainOf(stage, file)))
  const server = await testServer(t, { domain: ['localhost', ...domain] })
  for (const file of plays) {
    const text = readFileSync(join(FOLDER, file), 'utf8')
    for (const stage of STAGES) {
      t.test(`${file}, ${stage}: ${titleOf(text)}`, async (t) => {
        const here = domainOf(stage, file)
        await addUsers(server.db, USERS, here)
        const clients: RawClient[] = []
        t.teardown(() => clients.forEach((client) => client.destroy()))
        await perform(text, here, async (user, resource, at) => {
          const client = stage === 'memory' ? await rawClient(pair(server)) : await server.client()
          clients.push(client)
          return client.login(user, user, resource, at)
        })
        t.pass()
      })
    }
  }
})
