// jidway beside ejabberd and Prosody, as Debian packages them: the same clients against each, in one run, in turn (one server, the
// next, the next, and again), on one Postgres of its own; all that is started ends with it.
//   npm run bench:peers -- [--pairs 200,1000] [--seconds 8] [--rounds 3] [--only CASE,…] [--servers jidway,ejabberd,prosody]
//                          [--json FILE] [--svg FILE] [--quick]
// Prints, by case, median and spread over the rounds of what was done a second, of the CPU for each (the server's processes and
// Postgres's, with all that they started, over the measured time alone), latency, and memory; and jidway's to the better peer's.
// The servers of a case are started anew for it, and stay until its end: who has no turn has nothing to do. `jidway replay` is the
// generator, in this process; it shares the machine's cores with the server, so its share is told, too. Linux only: CPU and
// memory are read from /proc. Ends with 1 where a server did not come up, or something was lost, doubled or out of order.
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command, CommanderError } from 'commander'
import { UsageError } from '../../lib/base/errors.js'
import { wholeNumber } from '../../lib/cli/target.js'
import { progressOn } from '../../lib/cli/progress.js'
import { tooFewFiles } from './files.js'
import { casesFor, chosen, FULL, QUICK } from './peers/cases.js'
import type { Case, Sizes } from './peers/cases.js'
import { ejabberd } from './peers/ejabberd.js'
import { jidway } from './peers/jidway.js'
import { measure } from './peers/measure.js'
import type { Sample } from './peers/measure.js'
import { makeHouse } from './peers/house.js'
import type { House, Lodger } from './peers/house.js'
import { prosody } from './peers/prosody.js'
import type { Server } from './peers/server.js'
import { json, picture, table } from './peers/table.js'
import type { Result } from './peers/table.js'
import { BODY } from './peers/traces.js'

const SERVERS: readonly Server[] = [jidway, ejabberd, prosody]
/** ms between two runs, in which what the last one left behind comes to its end. */
const PAUSE = 500
/** ms that what is under way has to end when all is to stop. */
const STOPPING = 3000
const BOUNDS = { pairs: 5000, seconds: 600, rounds: 99 } as const

interface Options {
  readonly pairs?: string
  readonly seconds?: string
  readonly rounds?: string
  readonly only?: string
  readonly servers: string
  readonly json?: string
  readonly svg?: string
  readonly quick?: boolean
}

interface Wanted {
  readonly sizes: Sizes
  readonly rounds: number
  readonly cases: readonly Case[]
  readonly servers: readonly Server[]
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const tell = (line: string): void => void process.stderr.write(`${line}\n`)

/** Throws UsageError that says what is right. */
const read = ({ pairs, seconds, rounds, only, servers, quick = false }: Options): Wanted => {
  const size = quick ? QUICK : FULL
  const sizes: Sizes = {
    ...size,
    ...(pairs === undefined ? {} : { pairs: pairs.split(',').map((text) => wholeNumber('--pairs', text.trim(), 1, BOUNDS.pairs)) }),
    ...(seconds === undefined ? {} : { seconds: wholeNumber('--seconds', seconds, 1, BOUNDS.seconds) }),
  }
  return {
    sizes, cases: chosen(casesFor(sizes), only), rounds: rounds === undefined ? (quick ? 1 : 3) : wholeNumber('--rounds', rounds, 1, BOUNDS.rounds),
    servers: [...new Set(servers.split(',').map((text) => {
      const found = SERVERS.find(({ name }) => name === text.trim())
      if (found === undefined) throw new UsageError(`--servers names '${text.trim()}'; there are ${SERVERS.map(({ name }) => name).join(', ')}`)
      return found
    }))],
  }
}

/** Files that cannot be written are told now, rather than at the end. */
const write = (flag: string, file: string | undefined, text: string): void => {
  if (file === undefined) return
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new UsageError(`${flag}: ${file} cannot be written: ${(error as Error).message}`)
  }
}

/** Who can be run here; what is to be said of the others. */
const present = (servers: readonly Server[]): { here: Server[]; skipped: string[] } => {
  const skipped: string[] = []
  const here = servers.filter((server) => {
    const missing = server.missing(process.env)
    if (missing !== null) skipped.push(`${server.name} is left out, for it is not installed (${missing.what} was not found): apt-get install ${missing.packages.join(' ')}`)
    return missing === null
  })
  return { here, skipped }
}

/** Every server in turn, as often as there are rounds. */
const compare = async (what: Case, { rounds, sizes }: Wanted, house: House, signal: AbortSignal, cut: Promise<never>): Promise<Result> => {
  const samples = new Map<string, Sample[]>(house.lodgers.map(({ server }) => [server.name, []]))
  const script = what.script()
  const progress = progressOn(process.stderr)
  // who has been used has memory to spare, so each reading wants a fresh one
  const isFresh = what.unit === 'connection'
  const start = (lodger: Lodger): Promise<void> => lodger.start(what.variant)
  try {
    if (!isFresh) for (const lodger of house.lodgers) await start(lodger)
    for (let round = 0; round < rounds; round++) {
      for (const lodger of house.lodgers) {
        if (isFresh) await start(lodger)
        await sleep(PAUSE)
        const { name } = lodger.server
        const sample = await Promise.race([cut, measure({
          what, script, sizes, signal, accounts: what.contacts ? lodger.circle : lodger.accounts, port: lodger.port, serverPid: lodger.pid, databasePid: house.databasePid,
          told: (words) => progress.tell(`${what.name} ${name}`, round + 1, rounds, words),
        })]).catch((error: Error) => {
          throw new Error(`${what.name} with ${name}: ${error.message}; its log is in ${lodger.folder}`)
        })
        samples.get(name)?.push(sample)
        if (isFresh) await lodger.stop()
        if (signal.aborted) return { what, samples }
      }
    }
    return { what, samples }
  } finally {
    progress.stop()
    await Promise.all(house.lodgers.map((lodger) => lodger.stop()))
  }
}

const introduce = ({ lodgers, database }: House, { sizes, rounds }: Wanted): void => {
  say(`${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB; ${database}`)
  for (const { server, kept } of lodgers) say(`${server.name} ${server.version(process.env)}: ${server.said}; passwords kept as ${kept}`)
  say(`for all: plaintext unless said; the same certificate (EC P-256); accounts, rosters and messages in a database of its own; archive off but in durable cases, where it is on for all`)
  say(`messages of ${BODY} octets of text; ${sizes.seconds} s measured after ${sizes.warmUp} s to warm up; median (least–most) of ${rounds} rounds; CPU is user and system\n`)
}

const run = async (options: Options): Promise<number> => {
  if (!existsSync('/proc/self/stat')) throw new UsageError('CPU and memory are read from /proc, which is not here: this needs Linux')
  const wanted = read(options)
  const files = tooFewFiles(Math.max(...wanted.cases.map(({ connections }) => connections)), 'fewer --pairs, or other cases with --only')
  if (files !== null) throw new UsageError(files)
  const { here, skipped } = present(wanted.servers)
  for (const line of skipped) tell(line)
  if (here.length === 0) throw new UsageError('none of these servers can be run here')
  write('--json', options.json, '')
  write('--svg', options.svg, '')

  const scratch = mkdtempSync(join(tmpdir(), 'jidway-peers-'))
  chmodSync(scratch, 0o755) // servers run as somebody else
  const stop = new AbortController()
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130) // what runs is ended on the way out
    tell('\nstopping; once more to stop at once')
    stop.abort()
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, interrupt)
  // clients wait for what is on its way for longer than somebody who wants to stop
  const cut = new Promise<never>((_, giveUp) => stop.signal.addEventListener('abort', () => setTimeout(() => giveUp(new Error('interrupted')), STOPPING), { once: true }))
  cut.catch(() => {})
  let house: House | null = null
  let whole = false
  try {
    house = await makeHouse(scratch, here, wanted.cases, wanted.sizes, process.env, stop.signal, cut, tell)
    introduce(house, wanted)
    const results: Result[] = []
    for (const what of wanted.cases) {
      if (stop.signal.aborted) break
      const result = await compare(what, wanted, house, stop.signal, cut)
      if (stop.signal.aborted) break
      results.push(result)
      say(table(result))
    }
    const servers = house.lodgers.map(({ server }) => ({ name: server.name, version: server.version(process.env), said: server.said }))
    write('--json', options.json, `${JSON.stringify({ servers, skipped, sizes: wanted.sizes, rounds: wanted.rounds, cases: json(results) }, null, 2)}\n`)
    if (results.length > 0) write('--svg', options.svg, picture(results, servers.map(({ name }) => name)))
    for (const line of skipped) say(line)
    whole = true
    if (stop.signal.aborted) return 130
    return results.some(({ samples }) => [...samples.values()].some((all) => all.some(({ wrong }) => wrong !== ''))) ? 1 : 0
  } catch (error) {
    if (!stop.signal.aborted) throw error
    whole = true // what fails while all is stopped is no failure
    return 130
  } finally {
    for (const signal of signals) process.off(signal, interrupt)
    await house?.close()
    if (whole) rmSync(scratch, { recursive: true, force: true })
    else tell(`data and logs are kept in ${scratch}`)
  }
}

const program = new Command('bench:peers').description('jidway beside ejabberd and Prosody').exitOverride().configureOutput({ writeErr: () => {} })
  .option('--pairs <n,…>', 'how many pairs chat; the first is also used where one number is enough [200,1000]')
  .option('--seconds <n>', 'measured in each run [8]')
  .option('--rounds <n>', 'how often each server has its turn [3; quick: 1]')
  .option('--only <case,…>', 'only these, or those whose names begin so')
  .option('--servers <name,…>', 'only these', SERVERS.map(({ name }) => name).join(','))
  .option('--json <file>', 'write all figures, of each run, too')
  .option('--svg <file>', 'write a picture')
  .option('--quick', 'small and short: to see that it works')

try {
  program.parse()
  process.exitCode = await run(program.opts<Options & Record<string, unknown>>())
  if (process.exitCode === 130) process.exit() // clients that were given up still wait
} catch (error) {
  if (error instanceof CommanderError && error.exitCode === 0) process.exitCode = 0
  else {
    tell(`${(error as Error).message.replace(/^error: /, '')}${error instanceof CommanderError ? '; see --help' : ''}`)
    process.exitCode = error instanceof UsageError || error instanceof CommanderError ? 2 : 1
  }
}
