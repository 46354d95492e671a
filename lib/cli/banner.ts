// What is printed when the server has started: what runs where, and what to type to try it. Facts in, text out.
import { isIPv6 } from 'node:net'
import type { OpenPorts } from './deps.js'

export interface DemoAccount {
  readonly jid: string
  readonly password: string
}

export interface BannerFacts {
  readonly version: string
  readonly domains: readonly string[]
  /** The address listened on. */
  readonly host: string
  readonly ports: OpenPorts
  /** In words: where the database is. */
  readonly database: string
  /** The certificate in use; `ca` is the development CA that signed it, if one did. */
  readonly cert: string
  readonly ca: string | null
  /** With their passwords: made at this start, or the fixed ones of --demo. */
  readonly demo: readonly DemoAccount[]
  /** The file that holds the demo accounts made at an earlier start; null: none. */
  readonly demoFile: string | null
  readonly demoIsFixed: boolean
  readonly insecureLoopback: boolean
  /** Where an acknowledgement does not mean that a message is committed; and what the setting names that is not served. */
  readonly routed: readonly string[]
  readonly strange: readonly string[]
  /** There is an archive. */
  readonly archive: boolean
  /** Settings that were given but are not in effect in this version. */
  readonly idle: readonly { readonly key: string; readonly value: string; readonly source: string }[]
}

export const banner = (facts: BannerFacts): string =>
  [title(facts), where(facts), demo(facts), howTo(facts), loud(facts)].filter(part => part !== '').join('\n\n') + '\n'

const title = ({ version, domains }: BannerFacts): string => `jidway ${version} serves ${domains.join(', ')}`

const where = ({ host, ports, database, cert, ca }: BannerFacts): string => table([
  ['XMPP', open([[ports.c2s, port => `${at(host, port)} (STARTTLS)`], [ports.c2sTls, port => `${at(host, port)} (TLS)`]])],
  ['Pages', open([[ports.http, port => `http://${at(host, port)}/`], [ports.https, port => `https://${at(host, port)}/`]])],
  ['Database', database],
  ['Certificate', `${cert}${ca === null ? '' : `, signed by the development CA ${ca}`}`],
])

const open = (ports: readonly (readonly [number | null, (port: number) => string])[]): string =>
  ports.flatMap(([port, text]) => (port === null ? [] : [text(port)])).join('   ')

const table = (rows: readonly (readonly [string, string])[]): string => {
  const kept = rows.filter(([, text]) => text !== '')
  return kept.map(([name, text]) => `  ${name.padEnd(12)}${text}`).join('\n')
}

const demo = ({ demo: accounts, demoFile, demoIsFixed }: BannerFacts): string => {
  if (accounts.length === 0) return demoFile === null ? '' : `Demo accounts, made at the first start: see ${demoFile}`
  const width = Math.max(...accounts.map(({ jid }) => jid.length))
  const lines = accounts.map(({ jid, password }) => `  ${jid.padEnd(width)}   password  ${password}`)
  const note = demoIsFixed ? 'fixed passwords that everybody knows' : `kept in ${demoFile ?? 'the data folder'}`
  return `Demo accounts (${note}):\n${lines.join('\n')}`
}

const howTo = ({ ports, host, domains, ca, demo: [first], demoFile }: BannerFacts): string => {
  const [domain = ''] = domains
  const jid = first?.jid ?? (demoFile === null ? `you@${domain}` : 'one of these accounts')
  const port = ports.c2s ?? ports.c2sTls
  if (port === null) return ''
  const trust = ca === null ? '' : ` -CAfile ${quoted(ca)}`
  const starttls = ports.c2s === null ? '' : ` -starttls xmpp -xmpphost ${domain}`
  return [
    'Try it:',
    `  Gajim       log in as ${jid}; under Advanced Settings: hostname ${loopback(host)}, port ${port}, ${ports.c2s === null ? 'Direct TLS' : 'STARTTLS'}`,
    ...(ca === null ? [] : [`              it asks about the certificate: accept it, or let your system trust ${ca}`]),
    `  Raw TCP     openssl s_client -connect ${at(host, port)}${starttls} -servername ${domain}${trust} -quiet`,
    `              and type  <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`,
    ...(first === undefined && demoFile === null ? [`  An account  npm exec jidway -- user add ${jid}`] : []),
  ].join('\n')
}

const loud = ({ insecureLoopback, demoIsFixed, idle, routed, strange, archive }: BannerFacts): string => [
  ...(insecureLoopback ? ['!! insecure_loopback is on: from this machine, passwords are accepted without TLS. For tests only.'] : []),
  ...(demoIsFixed ? ['!! demo is on: anybody who reaches this server can log in as demo1 or demo2.'] : []),
  ...(routed.length > 0 ? [
    `!! durability is routed for ${routed.join(', ')}: there an acknowledgement (XEP-0198) says that a message was routed, not that it is committed.`,
    '   A crash loses what is on its way to somebody who is there, and its sender is not told. What waits for somebody who is not there is stored;',
    `   ${archive ? 'the archive follows when it can' : 'there is no archive'}. With durability = durable nothing is lost that was acknowledged.`,
  ] : []),
  ...strange.map((domain) => `!! durability names ${domain}, which is not served here: see the setting domain.`),
  ...idle.map(({ key, value, source }) => `!! ${key} = ${value || '(empty)'} (from ${source}) is not in effect in this version.`),
].join('\n')

/** The address as one would type it: a server on all addresses is reached on loopback, too. */
const loopback = (host: string): string => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? 'localhost' : host)

const at = (host: string, port: number): string => {
  const name = loopback(host)
  return isIPv6(name) ? `[${name}]:${port}` : `${name}:${port}`
}

/** For a shell, where need be. */
const quoted = (path: string): string => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
