// Where the accounts are reached: through a running server that owns the data folder (so that it can end sessions of a
// deleted account), else in the database itself; the embedded one only under the folder's lock.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Settings } from '../base/config.js'
import type { TraceQuery } from '../core/trace.js'
import { UsageError } from '../base/errors.js'
import { controlCall, controlServer, ownerOf } from './control.js'
import type { ControlServer } from './control.js'
import type { Handlers } from './control-protocol.js'
import type { Accounts, ClusterFacts, Credentials, DatabaseFacts, Deps, NewAccount, OpenPorts, Running } from './deps.js'

/** What a running server tells `doctor`. */
export interface ServerFacts {
  readonly pid: number
  readonly ports: OpenPorts
  readonly database: DatabaseFacts
  readonly cluster: ClusterFacts | null
}

/** What a running server does for the commands. */
export const handlersOf = (running: Running): Handlers => ({
  'account.add': async args => running.accounts.add(args as readonly NewAccount[]),
  'account.password': async args => {
    const { jid, credentials } = args as NewAccount
    return running.accounts.setPassword(jid, credentials)
  },
  'account.remove': async args => running.accounts.remove(args as string),
  'account.list': async args => {
    const { after, limit } = args as { after: string; limit: number }
    return running.accounts.list(after, limit)
  },
  trace: async args => running.trace(args as TraceQuery),
  facts: async (): Promise<ServerFacts> => ({ pid: process.pid, ports: running.ports, database: await running.facts(), cluster: running.cluster() }),
})

/** Run `act` with the accounts, wherever they are, and leave everything as it was found. */
export const withAccounts = async <T>(settings: Settings, deps: Deps, act: (accounts: Accounts) => Promise<T>): Promise<T> => {
  const access = await approach(settings)
  if (access === 'server') return act(remote(settings.data))
  try {
    const database = await deps.openDatabase(settings)
    try {
      return await act(database.accounts)
    } finally {
      await database.close()
    }
  } finally {
    await access?.close()
  }
}

/** The facts of the server that runs on the data folder; null: none does. */
export const serverFacts = async (data: string): Promise<ServerFacts | null> => {
  if ((await ownerOf(data))?.serves !== true) return null
  const asked = await controlCall(data, 'facts', null)
  return asked.running ? (asked.result as ServerFacts) : null
}

/**
 * 'server': one runs, ask it. Else the lock on the data folder where the embedded database needs one; another command that
 * has it is waited for. Throws UsageError where it is still held after a minute.
 */
export const approach = async ({ data, databaseUrl }: Settings): Promise<'server' | ControlServer | null> => {
  for (const until = performance.now() + LONGEST_WAIT; ;) {
    if ((await ownerOf(data))?.serves === true) return 'server'
    if (databaseUrl !== null) return null
    try {
      return await controlServer({ data, serves: false })
    } catch (error) {
      if (!(error instanceof UsageError) || performance.now() > until) throw error
    }
    await sleep(100)
  }
}

const LONGEST_WAIT = 60_000

const remote = (data: string): Accounts => {
  const call = async <T>(command: string, args: unknown): Promise<T> => {
    const asked = await controlCall(data, command, args)
    if (!asked.running) throw new Error('the running server ended in the middle of the command')
    return asked.result as T
  }
  return {
    add: accounts => call('account.add', accounts),
    setPassword: (jid: string, credentials: Credentials) => call('account.password', { jid, credentials }),
    remove: jid => call('account.remove', jid),
    list: (after, limit) => call('account.list', { after, limit }),
  }
}
