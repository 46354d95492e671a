// The command line. Every setting is an option of every command; what is wrong on it ends with code 2, what fails with 1.
import { Command, CommanderError, Option } from 'commander'
import { ENTRIES } from '../base/config.js'
import { UsageError } from '../base/errors.js'
import { nearest } from '../base/nearest.js'
import type { Deps, Surroundings } from './deps.js'
import { configJson, configText } from './show-config.js'
import { settingsFor } from './sources.js'
import type { Call, PasswordOptions } from './user.js'

/** 0 done, 1 failed, 2 wrong usage. */
export type ExitCode = 0 | 1 | 2

type Options = Readonly<Record<string, unknown>>

/** Run one command line (without node and script). Prints its own errors. */
export const run = async (args: readonly string[], deps: Deps, around: Surroundings): Promise<ExitCode> => {
  const program = build(deps, around)
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    return complain(error, program, around)
  }
}

const build = (deps: Deps, around: Surroundings): Command => {
  const program = new Command('jidway')
    .description('An XMPP server: JIDs, presence, stanzas routed by address')
    .version(deps.version)
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ writeOut: text => void around.stdout.write(text), writeErr: () => {}, getOutHelpWidth: () => around.stdout.columns ?? 120 })
    .addHelpText('after', '\n`jidway help start` lists the settings; `jidway config` shows those in force.')

  const callOf = (options: Options): Call => ({ ...readOptions(options, around), deps, around, json: options['json'] === true })

  settings(program.command('start').description('run the server'), true)
    .action(async (options: Options) => {
      const { start } = await import('./start.js')
      const read = readOptions(options, around)
      await start(read.settings, read.sources, deps, around)
    })

  const user = program.command('user').description('accounts: add, change, delete, list, import')
  withPassword(settings(user.command('add').argument('<jid>').description('create an account')))
    .action(async (jid: string, options: Options) => (await import('./user.js')).addUser(jid, options as PasswordOptions, callOf(options)))
  withPassword(settings(user.command('passwd').argument('<jid>').description('give an account another password')))
    .action(async (jid: string, options: Options) => (await import('./user.js')).changePassword(jid, options as PasswordOptions, callOf(options)))
  withJson(settings(user.command('del').argument('<jid>').description('delete an account and all that it keeps')))
    .action(async (jid: string, options: Options) => (await import('./user.js')).deleteUser(jid, callOf(options)))
  withJson(settings(user.command('list').argument('[jid]', 'only this account, or the accounts of this domain').description('list accounts')))
    .action(async (only: string | undefined, options: Options) => (await import('./user.js')).listUsers(only, callOf(options)))
  withJson(settings(user.command('import').argument('<file>', 'CSV: jid,password').description('create many accounts')))
    .action(async (file: string, options: Options) => (await import('./user.js')).importUsers(file, callOf(options)))

  withJson(settings(program.command('doctor').description('check database, certificate, ports and clock, and say what to do')))
    .action(async (options: Options) => {
      const healthy = await (await import('./doctor.js')).doctor(callOf(options))
      if (!healthy) throw new Error('')
    })

  withJson(settings(program.command('trace').argument('<id>', 'a stanza-id (XEP-0359), or the own id of a message').description('show the path of a message: received, committed, given to whom, acknowledged or kept')))
    .option('--account <jid>', 'only messages of this account; in a large log, ids of clients are found only so')
    .action(async (id: string, options: Options) => {
      const account = options['account']
      const found = await (await import('./trace.js')).trace(id, typeof account === 'string' ? account : undefined, callOf(options))
      if (!found) throw new Error('')
    })

  withJson(settings(program.command('chaos').description('prove what is promised: disturb a server of its own and account for every message')))
    .option('--clients <n>', 'how many log in [200]')
    .option('--seconds <n>', 'how long they are disturbed [60, or what the messages need]')
    .option('--messages <n>', 'how many they send at least [500 a second]')
    .option('--kills <n>', 'SIGKILL and start again [one in 6 s]')
    .option('--freezes <n>', 'SIGSTOP for 0.2 to 5 s [one in 10 s]')
    .option('--restarts <n>', 'restarts of the database, and of NATS; embedded: kills [one in 20 s]')
    .option('--partitions <n>', 'with --nodes: a node is parted from NATS or Postgres [one in 20 s]')
    .option('--nodes <n>', 'so many nodes on one Postgres and one NATS [1]')
    .option('--faults <list>', 'only these: kill, freeze, database, cut, half, abandon, forget, slow; or none')
    .option('--seed <text>', 'draw the same again')
    .option('--database <kind>', 'embedded or postgres, one of its own in a scratch folder [embedded]')
    .option('--target <host:port>', 'another server, on this machine')
    .option('--kill <command>', 'with --target: kills it')
    .option('--start <command>', 'with --target: starts it')
    .option('--accounts <file>', 'with --target: CSV of jid,password')
    .option('--register <command>', 'with --target: makes the accounts that it reads as CSV')
    .option('--keep', 'keep data and logs, also where all went well')
    .action(async (options: Options) => {
      const { runChaos } = await import('./chaos.js')
      const config = options['config']
      const held = await runChaos({
        ...callOf(options), flags: options, given: environmentOf(options), config: typeof config === 'string' ? config : null,
      })
      if (!held) throw new Error('')
    })

  withJson(settings(program.command('replay').argument('<trace...>', 'recorded streams; several are mixed').description('replay recorded clients against any XMPP server, many at once, and measure it')))
    .option('--server <host:port>', 'the server')
    .option('--accounts <n|file>', 'how many accounts, or a CSV file of jid,password [as many as one copy of each trace needs]')
    .option('--user <name>', 'names of numbered accounts, of which %d is the number from 0 [replay%d]')
    .option('--password <password>', 'their password; %d is the number here, too')
    .option('--print-accounts', 'only print the accounts as CSV, for `user import`')
    .option('--factor <x>', 'so many times as fast as recorded [1]')
    .option('--rate <n>', 'n stanzas a second over all accounts, whatever the server does; latency counts from when each was due')
    .option('--flat-out', 'each client as fast as what it waits for comes')
    .option('--seconds <n>', 'again and again for so long [once through each trace]')
    .option('--warm-up <seconds>', 'not measured: the time before these, from when every client has said a message or been through its trace')
    .option('--joins <n>', 'clients that begin in a second [200]')
    .option('--patience <seconds>', 'how long to wait for what must come [30]')
    .option('--tls <when>', 'direct, starttls, or needed: where the server is another machine, or wants it [needed]')
    .option('--ca <file>', 'trust the certificates that are signed by this one, PEM')
    .option('--insecure', 'take any certificate; on this machine any is taken anyway')
    .option('--server-pid <pids>', 'measure the CPU of these processes and their children, too; comma-separated (Linux)')
    .option('--html <file>', 'write a report with plots')
    .action(async (traces: string[], options: Options) => {
      const held = await (await import('./replay.js')).runReplay(traces, { ...callOf(options), flags: options })
      if (!held) throw new Error('')
    })

  settings(program.command('record').description('a proxy that records what a client says to a server and hears from it, for `replay`; secrets are replaced'))
    .requiredOption('--listen <port>', 'where the client connects to, on this machine; 0: any free port')
    .requiredOption('--server <host:port>', 'the server')
    .requiredOption('--out <file>', 'the trace, which must not be there yet')
    .option('--tls', 'offer STARTTLS to the client, with the certificate of `start`; else the client talks in clear to the proxy')
    .option('--ca <file>', 'trust the certificates that are signed by this one, PEM')
    .option('--insecure', 'take any certificate of the server; on this machine any is taken anyway')
    .action(async (options: Options) => (await import('./record.js')).runRecord({ ...callOf(options), flags: options }))

  withJson(settings(program.command('config').description('show the settings in force and where each comes from')))
    .action((options: Options) => {
      const read = readOptions(options, around)
      around.stdout.write(options['json'] === true ? `${JSON.stringify(configJson(read.settings, read.sources))}\n` : configText(read.settings, read.sources))
    })
  return program
}

const withPassword = (command: Command): Command =>
  withJson(command)
    .option('--password <password>', 'otherwise it is asked for, or read from standard input')
    .option('--generate', 'make one and print it')

const withJson = (command: Command): Command => command.option('--json', 'one JSON object a line')

/** The settings as options; listed in the help of `start` only. */
const settings = (command: Command, listed = false): Command => {
  command.option('--config <file>', 'read settings from this file instead of jidway.toml')
  let group = ''
  for (const { flag, group: entryGroup, row, key } of ENTRIES) {
    const isSwitch = row.type.words === 'on, off'
    const byDefault = row.fallbackWords ?? row.type.show(row.fallback)
    const option = new Option(`${flag} ${isSwitch ? '[on|off]' : '<value>'}`, `${row.meaning} (${row.type.words})${byDefault === '' ? '' : ` [${byDefault}]`}`)
    option.attributeName = () => key // commander's own would be camel case; keys say which setting is meant
    if (listed && entryGroup !== group) group = entryGroup
    if (listed) option.helpGroup(`${group}:`)
    else option.hideHelp()
    command.addOption(option)
  }
  return command
}

/** The settings among the options, for a process to be started. */
const environmentOf = (options: Options): Record<string, string> => Object.fromEntries(ENTRIES.flatMap(({ key, env }) => {
  const value = options[key]
  return value === undefined ? [] : [[env, typeof value === 'string' ? value : 'on']]
}))

const readOptions = (options: Options, around: Surroundings): ReturnType<typeof settingsFor> => {
  const flags: Record<string, string> = {}
  for (const { key, flag } of ENTRIES) {
    const value = options[key]
    if (value !== undefined) flags[flag.slice(2)] = typeof value === 'string' ? value : 'on'
  }
  const config = options['config']
  return settingsFor(flags, around.env, typeof config === 'string' ? config : null)
}

const complain = (error: unknown, program: Command, { stderr }: Surroundings): ExitCode => {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0 // help and version
    if (error.code === 'commander.help') stderr.write(program.helpInformation())
    else stderr.write(`${error.message.replace(/^error: /, '')}${suggestion(error, program)}\n`)
    return 2
  }
  const isUsage = error instanceof UsageError
  const text = error instanceof Error ? error.message : String(error)
  if (text !== '') stderr.write(`${text}\n`)
  return isUsage ? 2 : 1
}

const suggestion = ({ code, message }: CommanderError, program: Command): string => {
  const typed = /'([^']*)'/.exec(message)?.[1] ?? ''
  if (code === 'commander.unknownOption') {
    const all = commandsOf(program).flatMap(command => command.options.flatMap(({ long }) => long ?? []))
    return `; did you mean ${nearest(typed.replace(/=.*$/, ''), [...new Set(all)])}?`
  }
  if (code === 'commander.unknownCommand') {
    const all = commandsOf(program).map(pathOf)
    return `; did you mean ${nearest(typed, all.map(path => path.split(' ').at(-1)!))}?`
  }
  return '; see --help'
}

const commandsOf = (command: Command): Command[] => [command, ...command.commands.flatMap(commandsOf)]
const pathOf = (command: Command): string => (command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`)
