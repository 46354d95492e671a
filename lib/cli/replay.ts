// `replay`: recorded clients, many at once, against any server.
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { UsageError } from '../base/errors.js'
import type { Where } from '../client/wire.js'
import { accountOf, numbered } from '../replay/accounts.js'
import type { Account } from '../replay/accounts.js'
import { html } from '../replay/html.js'
import { flatOut, timed } from '../replay/pace.js'
import type { Pace } from '../replay/pace.js'
import { BOUNDS, replay } from '../replay/replay.js'
import { report } from '../replay/report.js'
import { compile } from '../replay/script.js'
import type { Script } from '../replay/script.js'
import { loadTrace } from '../replay/trace.js'
import { readAccounts } from './csv.js'
import { progressOn } from './progress.js'
import { isLoopback, realNumber, targetOf, wholeNumber } from './target.js'
import type { Target } from './target.js'
import type { Call } from './user.js'

/** As they stand on the command line. */
export interface ReplayFlags {
  readonly server?: string
  readonly accounts?: string
  readonly user?: string
  readonly password?: string
  readonly printAccounts?: boolean
  readonly factor?: string
  readonly rate?: string
  readonly flatOut?: boolean
  readonly seconds?: string
  readonly warmUp?: string
  readonly joins?: string
  readonly patience?: string
  readonly tls?: string
  readonly ca?: string
  readonly insecure?: boolean
  readonly serverPid?: string
  readonly html?: string
}

export interface ReplayCall extends Call {
  readonly flags: ReplayFlags
}

/** True: nothing was lost, doubled or out of order, and everything was answered. */
export const runReplay = async (files: readonly string[], { flags, settings, around, json, deps }: ReplayCall): Promise<boolean> => {
  const [domain = ''] = settings.domain
  if (flags.server === undefined && flags.printAccounts !== true) throw new UsageError('--server HOST:PORT is missing: which server?')
  const target = targetOf('--server', flags.server ?? 'localhost:5222')
  if (files.length > BOUNDS.traces) throw new UsageError(`${files.length} traces; at most ${BOUNDS.traces} are mixed`)
  const plan = readFlags(flags)
  const where = whereOf(target, flags)
  const traces = new Map<string, Script>()
  for (const file of new Set(files)) traces.set(file, compile(await loadTrace(file)))
  const scripts = files.map((file) => traces.get(file) as Script)
  const accounts = accountsFor(flags, scripts, domain, deps.account)
  if (flags.printAccounts === true) {
    around.stdout.write(accounts.map(({ jid, secret }) => `${jid},${field(secret.password)}\n`).join(''))
    return true
  }
  if (flags.html !== undefined) write(flags.html, '') // rather now than after an hour

  const stop = new AbortController()
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130)
    around.stderr.write('\nstopping; once more to stop at once\n')
    stop.abort()
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, interrupt)
  const progress = progressOn(around.stderr)
  try {
    const outcome = await replay({
      where, domain, scripts, accounts, ...plan, run: randomBytes(3).toString('hex'), signal: stop.signal,
      progress: ({ stage, done, of, online, sent, delivered }) => progress.tell(stage, done, of, `${online} online, ${sent} stanzas sent, ${delivered} messages delivered`),
    }).catch((error: Error) => {
      throw error instanceof UsageError ? error : new Error(advice(error.message, target, flags))
    })
    progress.stop()
    const leftOut = new Map(scripts.flatMap((script) => [...script.leftOut]))
    const result = report(outcome, [...traces.values()].map(({ name }) => name), `${target.host}:${target.port}`, leftOut)
    around.stdout.write(json ? `${JSON.stringify(result.json)}\n` : result.text)
    if (flags.html !== undefined) write(flags.html, html(outcome, result, `jidway replay: ${[...traces.values()].map(({ name }) => name).join(', ')}`))
    return result.held
  } finally {
    progress.stop()
    for (const signal of signals) process.off(signal, interrupt)
  }
}

const write = (file: string, text: string): void => {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new UsageError(`--html: ${file} cannot be written: ${(error as Error).message}`)
  }
}

interface Wanted {
  readonly pace: Pace | number
  readonly seconds: number | null
  readonly warmUp: number | null
  readonly joins: number
  readonly patience: number
  readonly serverPids: readonly number[]
}

export const readFlags = (flags: ReplayFlags): Wanted => {
  const paces = [flags.factor !== undefined && '--factor', flags.rate !== undefined && '--rate', flags.flatOut === true && '--flat-out'].filter((flag) => flag !== false)
  if (paces.length > 1) throw new UsageError(`${paces.join(' and ')} exclude each other`)
  if (flags.warmUp !== undefined && flags.seconds === undefined) throw new UsageError('--warm-up goes with --seconds: once through each trace is measured as a whole')
  return {
    pace: flags.rate !== undefined ? realNumber('--rate', flags.rate, 0.01, BOUNDS.rate)
      : flags.flatOut === true ? flatOut : timed(flags.factor === undefined ? 1 : realNumber('--factor', flags.factor, 0.001, 1_000_000)),
    seconds: flags.seconds === undefined ? null : wholeNumber('--seconds', flags.seconds, 1, BOUNDS.seconds),
    warmUp: flags.warmUp === undefined ? null : wholeNumber('--warm-up', flags.warmUp, 0, BOUNDS.warmUp),
    joins: flags.joins === undefined ? 200 : wholeNumber('--joins', flags.joins, 1, BOUNDS.joins),
    patience: flags.patience === undefined ? 30 : wholeNumber('--patience', flags.patience, 1, 3600),
    serverPids: flags.serverPid?.split(',').map((pid) => wholeNumber('--server-pid', pid, 1, 4_194_304)) ?? [],
  }
}

/** How to connect; certificates are checked, but on this machine, where nobody else can listen. */
export const whereOf = ({ host, port }: Target, { tls = 'needed', ca, insecure }: Pick<ReplayFlags, 'tls' | 'ca' | 'insecure'>): Where => {
  if (tls !== 'needed' && tls !== 'starttls' && tls !== 'direct') throw new UsageError(`--tls is '${tls}'; it must be needed, starttls or direct`)
  const context = createSecureContext(ca === undefined ? {} : { ca: read(ca) })
  const near = isLoopback(host)
  return {
    host, port, ...(tls === 'direct' ? { tls: context } : {}),
    offered: { context, verify: insecure !== true && (!near || ca !== undefined), clear: near && tls === 'needed' },
  }
}

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--ca: ${file} cannot be read: ${(error as Error).message}`)
  }
}

const NAME = 'replay%d'

const accountsFor = ({ accounts, user = NAME, password }: ReplayFlags, scripts: readonly Script[], domain: string, normalise: (text: string) => string | null): Account[] => {
  const needed = scripts.reduce((sum, script) => sum + script.accounts, 0)
  if (accounts !== undefined && !/^\d+$/.test(accounts)) {
    if (password !== undefined) throw new UsageError('--password is for numbered accounts; those of a file have their own')
    const found = readAccounts(accounts).slice(0, BOUNDS.accounts)
    return found.map(({ jid, password: own }, i) => accountOf(i, normalise(jid) ?? jid, own))
  }
  const count = accounts === undefined ? needed : wholeNumber('--accounts', accounts, 1, BOUNDS.accounts)
  if (password === undefined) throw new UsageError('--password is missing: the password of the accounts (or --accounts FILE, of jid,password)')
  if (!user.includes('%d') && count > 1) throw new UsageError(`--user is '${user}'; it must hold %d, for the number of each account`)
  return Array.from({ length: count }, (_, i) => {
    const text = `${numbered(user, i)}@${domain}`
    const jid = normalise(text)
    if (jid === null) throw new UsageError(`--user: '${text}' is no account like replay0@${domain}`)
    return accountOf(i, jid, numbered(password, i))
  })
}

/** RFC 4180 */
const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** What to do where nobody gets in. */
const advice = (problem: string, { host, port }: Target, flags: ReplayFlags): string => {
  if (/not-authorized|account-disabled|credentials-expired/.test(problem)) {
    const again = flags.accounts !== undefined && !/^\d+$/.test(flags.accounts) ? `jidway user import ${flags.accounts}` : 'the same command with --print-accounts > accounts.csv, then jidway user import accounts.csv'
    return `${problem}\nThe accounts must be there, with these passwords. Make them: ${again} (other servers: by their own commands).`
  }
  if (/ECONNREFUSED|ENOTFOUND|ETIMEDOUT/.test(problem)) return `${problem}\nNobody takes connections at ${host}:${port}: is the server running, and is this its port for clients?`
  if (/CERT|certificate|SELF_SIGNED|ALTNAME/i.test(problem)) return `${problem}\nThe server's certificate is not trusted: --ca FILE trusts who signed it, --insecure takes any; and it must name the domain.`
  if (problem.includes('host-unknown')) return `${problem}\nThe server does not serve this domain: --domain says which.`
  return problem
}
