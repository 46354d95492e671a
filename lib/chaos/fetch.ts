// The very end: one fresh client after the other logs in to each account, takes what is still waiting there, and reads the
// account's archive.
import { setTimeout as sleep } from 'node:timers/promises'
import { NS } from '../base/namespaces.js'
import { archiveReader } from './archive.js'
import type { ArchiveRead } from './archive.js'
import type { Profile } from './cast.js'
import { makeClient } from './client.js'
import type { Client, World } from './self.js'
import type { Random } from './random.js'

export interface Fetched {
  /** none: this server has no archive. */
  readonly archives: ArchiveRead
  /** Accounts that could not be logged in to, or read. */
  readonly failed: readonly string[]
}

const AT_ONCE = 16
const TRIES = 3
const PATIENCE = 30_000
/** ms without a message after which nothing more is waiting. */
const QUIET = 400

export const fetchAll = async (world: World, random: Random, withArchive: boolean, progress: (done: number) => void): Promise<Fetched> => {
  const failed: string[] = []
  let archives: ArchiveRead = withArchive ? 'complete' : 'none'
  let done = 0
  const queue = world.cast.accounts.keys()
  const worker = async (): Promise<void> => {
    for (const account of queue) {
      const { jid, clients: [first] } = world.cast.accounts[account] as (typeof world.cast.accounts)[number]
      const reader = archiveReader(world.run, world.ledger, world.now)
      const profile: Profile = {
        ...world.cast.clients[first as number] as Profile, resource: 'fetcher', full: `${jid}/fetcher`, priority: 100,
        keeping: 'acks', ids: 'none', carbons: false, cuts: false, ackEvery: 1, askEvery: 10, pipelines: false, leads: false, patience: PATIENCE,
      }
      // a node that is too busy to renew its lease ends its connections
      let missing: string | null = ''
      for (let tries = 0; tries < TRIES && missing !== null; tries++) {
        const client = makeClient(profile, { ...world, archived: reader.archived }, random, true)
        const timer = setInterval(() => client.tick(), 500)
        client.join()
        missing = await fetchOne(client) ? null : 'what is waiting'
        if (missing === null && archives !== 'none') {
          const read = await reader.read(client)
          if (read === 'none') archives = 'none'
          else if (read === 'failed') missing = 'archive'
        }
        await client.leave()
        clearInterval(timer)
      }
      if (missing !== null) failed.push(`${jid}: ${missing}`)
      progress(++done)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return { archives, failed }
}

/** False: the account could not be logged in to. */
const fetchOne = async (client: Client): Promise<boolean> => {
  const { self } = client
  for (const until = Date.now() + PATIENCE; self.phase !== 'up'; await sleep(20)) if (Date.now() > until) return false
  for (;;) {
    const before = self.messages
    const answer = await self.answer(self.ask('ping', '', 'get', `<ping xmlns='${NS.ping}'/>`), PATIENCE)
    await sleep(QUIET)
    if (answer === null) return false
    if (self.messages === before) return true
  }
}
