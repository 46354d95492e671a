// `doctor`: looks at database, other nodes, certificate, ports and clock, and says what to do. Each line is ok, warn or fail.
import type { Settings } from '../base/config.js'
import { routedDomains, strangeDomains } from '../base/durability.js'
import { serverFacts } from './access.js'
import type { ServerFacts } from './access.js'
import { checkNats, judgeCluster } from './doctor-cluster.js'
import { checkCertificate, checkPorts } from './doctor-network.js'
import type { DatabaseFacts } from './deps.js'
import { bad, ok, warn } from './finding.js'
import type { Finding } from './finding.js'
import type { Call } from './user.js'

/** true: nothing failed (there may be warnings). */
export const doctor = async (call: Call): Promise<boolean> => {
  const { settings, deps, around, json } = call
  const server = await serverFacts(settings.data)
  const findings = [
    server === null ? ok('server', 'none runs on this data folder') : ok('server', `runs with pid ${server.pid}`),
    ...judgeDurability(settings),
    ...(await checkDatabase(call, server)),
    ...(server === null ? await checkNats(settings, deps) : server.cluster === null ? [] : judgeCluster(server.cluster, settings)),
    ...(await checkCertificate(await deps.certificateFiles(settings), settings.domain, new Date())),
    ...(await checkPorts(settings, server)),
  ]
  for (const finding of findings) around.stdout.write(json ? `${JSON.stringify(finding)}\n` : line(finding))
  return findings.every(({ state }) => state !== 'fail')
}

/** The loud mode, and names in its setting that are nobody's. */
export const judgeDurability = (settings: Pick<Settings, 'domain' | 'durability'>): Finding[] => {
  const routed = routedDomains(settings)
  return [
    routed.length === 0
      ? ok('durability', 'an acknowledgement means committed')
      : warn('durability', `routed for ${routed.join(', ')}: a message that was acknowledged may be lost in a crash`, 'set durability = durable, unless speed is worth that'),
    ...strangeDomains(settings).map(domain => warn('durability', `the setting names ${domain}, which is not served here`, 'correct it, or add the domain to the setting domain')),
  ]
}

const line = ({ state, about, text, advice }: Finding): string =>
  `${state.padEnd(4)}  ${about.padEnd(11)}  ${text}${advice === '' ? '' : `\n${' '.repeat(19)}→ ${advice}`}\n`

const checkDatabase = async (call: Call, server: ServerFacts | null): Promise<Finding[]> => {
  try {
    const facts = server?.database ?? (await call.deps.inspectDatabase(call.settings))
    return facts === null ? [ok('database', 'none yet; it is made at the first start')] : judgeDatabase(facts, Date.now(), Math.max(SILENT, call.settings.lease))
  } catch (error) {
    const { databaseUrl, data } = call.settings
    const advice = databaseUrl === null ? `look at the folder ${data}: does it exist, may you write there, is the disk full?` : 'check DATABASE_URL, and that this Postgres runs and lets you in'
    return [bad('database', (error as Error).message || String(error), advice)]
  }
}

/** The promises hold as far as the database keeps its commits (durability.md D20), and nobody waits for a frozen node (D4). */
const judgePromises = ({ kind, fsync, fullPageWrites, synchronousCommit, standbys, synchronousStandbyNames, tcpUserTimeout }: DatabaseFacts): Finding[] => {
  const embedded = kind === 'embedded'
  return [
    fsync
      ? ok('fsync', embedded ? 'on: what was acknowledged survives a kill of the process, and a power cut as far as the disk has kept what it said it had' : 'on')
      : warn('fsync', embedded ? 'off: what was acknowledged survives a kill of the process, but no power cut' : 'off: a power cut may lose or damage what was acknowledged',
        embedded ? 'use a Postgres of its own (DATABASE_URL) where that matters' : 'set fsync = on in postgresql.conf'),
    fullPageWrites
      ? ok('pages', 'full_page_writes is on')
      : warn('pages', 'full_page_writes is off: a power cut may leave pages half written, and what was acknowledged in them', embedded ? 'use a Postgres of its own (DATABASE_URL)' : 'set full_page_writes = on, unless the file system writes pages whole (ZFS)'),
    synchronousCommit === 'off'
      ? warn('commit', 'synchronous_commit is off: a crash of the database loses what was acknowledged', 'set synchronous_commit = on, also for this role and this database (alter role … reset synchronous_commit)')
      : synchronousCommit === 'local' && synchronousStandbyNames !== ''
        ? warn('commit', 'synchronous_commit is local: a failover to a standby loses what was acknowledged', 'set synchronous_commit = on')
        : ok('commit', `synchronous_commit is ${synchronousCommit}`),
    ...(standbys > 0 && synchronousStandbyNames === ''
      ? [warn('standby', `${standbys === 1 ? 'one is' : `${standbys} are`} attached, and no commit waits for it: a failover loses what was acknowledged`, 'set synchronous_standby_names, or never fail over to a standby that lags')]
      : standbys > 0 ? [ok('standby', `${standbys} attached; commits wait for ${synchronousStandbyNames}`)] : []),
    ...(tcpUserTimeout === 0
      ? [warn('network', 'tcp_user_timeout is not in effect (the platform of Postgres has none, or a pooler ignores it): a node that lost its network holds its rows for longer', 'lower tcp_keepalives_idle, _interval and _count in postgresql.conf to a few seconds')]
      : []),
  ]
}

const DRIFT_WARN = 1000
const DRIFT_FAIL = 30_000

const said = (nodes: DatabaseFacts['nodes']): string => nodes.map(({ id, age }) => `${id} (${Math.round(age)} s ago)`).join(', ')
/** Seconds without a word after which a node of a cluster is worth a look. */
const SILENT = 30

/** @param now this machine's clock, ms @param silent seconds after which a node that says nothing has no lease */
export const judgeDatabase = (facts: DatabaseFacts, now: number, silent = SILENT): Finding[] => {
  const drift = Math.abs(facts.now - now)
  const seconds = `${(drift / 1000).toFixed(1)} s`
  const { kind, schemaFound, schemaWanted, nodes } = facts
  return [
    ok('database', `${kind === 'embedded' ? 'embedded' : 'reachable'}, ${facts.version}`),
    schemaFound === schemaWanted
      ? ok('schema', `version ${schemaFound}`)
      : schemaFound < schemaWanted
        ? warn('schema', `version ${schemaFound}, this jidway has ${schemaWanted}`, 'it is brought up to date at the next start')
        : bad('schema', `version ${schemaFound} is newer than this jidway (${schemaWanted})`, 'run the newer jidway that made it'),
    ...judgePromises(facts),
    drift > DRIFT_FAIL
      ? bad('clock', `${seconds} apart from the database's`, 'let both machines keep time by NTP')
      : drift > DRIFT_WARN
        ? warn('clock', `${seconds} apart from the database's`, 'let both machines keep time by NTP')
        : ok('clock', `agrees with the database's (${seconds})`),
    nodes.length > 1 && nodes.every(({ alone }) => !alone)
      ? nodes.some(({ age }) => age > silent)
        ? warn('nodes', `of ${nodes.length} in a cluster, silent: ${said(nodes.filter(({ age }) => age > silent))}`, 'others take their sessions once `lease` and `grace` have passed; are any of them running?')
        : ok('nodes', `${nodes.length} in a cluster: ${said(nodes)}`)
    : nodes.length > 1
      ? warn('nodes', `${nodes.length} are signed on: ${said(nodes)}`, 'only one may run on this database without NATS_URL; stop the others')
      : ok('nodes', nodes.length === 0 ? 'none signed on' : `${nodes[0]!.id}, seen ${Math.round(nodes[0]!.age)} s ago`),
  ]
}
