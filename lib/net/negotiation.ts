// From the stream header to a bound session: STARTTLS (RFC 6120 §5), SASL (§6), resource binding (§7), and the same over
// WebSocket (RFC 7395). A SASL failure leaves the stream open for another mechanism; every other violation ends it.
import type { Element } from 'ltx'
import type { SecureContext } from 'node:tls'
import { StanzaError, StreamError } from '../base/errors.js'
import { makeJid, prepDomain, prepLocal } from '../base/jid.js'
import { NS } from '../base/namespaces.js'
import type { Frame } from '../base/stanza.js'
import type { Session } from '../core/sessions.js'
import { channelBindings } from '../wire/channel-binding.js'
import type { Header } from '../wire/framer.js'
import { errorOf, resultOf } from '../wire/replies.js'
import { decodeBase64, offeredMechanisms, startSasl } from '../wire/sasl.js'
import type { SaslContext, SaslExchange, SaslFailure, SaslStep } from '../wire/sasl.js'
import { treeOf } from '../wire/tree.js'
import { attribute, escapeText } from '../wire/writer.js'
import { bindResource } from './bind.js'
import type { Host } from './host.js'
import { isLoopback } from './link.js'
import type { Link } from './link.js'
import { enableTooEarly, resume } from './stream-management.js'
import type { Managing } from './stream-management.js'

/** What is known of a connection that has no session yet. */
export interface Login {
  header: { domain: string; lang: string } | null
  /** Local part, once authenticated, and the domain where it was: the next stream must be with that one. */
  username: string | null
  domain: string | null
  exchange: SaslExchange | null
  attempts: number
}

/** What negotiating needs of a connection. */
export interface Negotiating extends Managing {
  readonly host: Host
  /** It has ended. */
  readonly isOver: boolean
  readonly link: Link
  readonly login: Login | null
  openStream(from: string, to: string): void
  sendFeatures(inner: string): void
  /** The header was accepted. */
  opened(): void
  /** A new stream follows on the same connection (RFC 6120 §6.4.6). */
  restart(): void
  /** The same inside TLS; nothing that came in clear counts any more (RFC 6120 §5.4.3.3). */
  secure(context: SecureContext): void
  /** SASL succeeded: limits are those of a user. */
  authenticate(): void
  bind(session: Session): void
  close(error: StreamError | null): void
}

/** RFC 6120 §4.7: the initial header, checked in the order in which §4.9.3 lists what can be wrong with it. */
export const acceptHeader = (connection: Negotiating, header: Header): void => {
  const { host } = connection
  const { attributes } = header
  if (header.name !== 'stream') throw new StreamError('bad-format', 'a stream begins with <stream:stream/>')
  if (header.ns !== NS.stream) throw new StreamError('invalid-namespace', `the stream's namespace is ${NS.stream}`)
  // RFC 6120 §4.8.3: the content namespace may also be declared on each stanza
  const content = header.namespaces.get('')
  if (content !== undefined && content !== NS.client && content !== NS.stream) throw new StreamError('invalid-namespace', `clients speak ${NS.client}`)
  open(connection, attributes.get('to') ?? '', attributes.get('from') ?? '', attributes.get('xml:lang') ?? '', attributes.get('version') ?? '')
  host.log.trace({ address: connection.link.address }, 'stream opened')
}

const open = (connection: Negotiating, to: string, from: string, lang: string, version: string): void => {
  const { host } = connection
  const login = connection.login as Login
  if (login.header !== null) throw new StreamError('bad-format', 'the stream is open already')
  // RFC 6120 §4.7.1: a client should say which domain it means; with only one there is no doubt
  const domain = to === '' && host.domains.size === 1 ? host.defaultDomain : prepDomain(to)
  if (domain === null || !host.domains.has(domain)) throw new StreamError('host-unknown', `'${to}' is not served here`)
  // who proved a password at one domain is nobody at another
  if (login.domain !== null && login.domain !== domain) throw new StreamError('not-authorized', `logged in at ${login.domain}`)
  if (!/^\d+\.\d+$/.test(version) || Number(version.split('.')[0]) < 1) throw new StreamError('unsupported-version', 'version 1.0 is needed') // §4.7.5
  // RFC 6120 §4.7.1: `to` answers `from`, if there was one
  connection.openStream(domain, from)
  login.header = { domain, lang: lang.length <= LONGEST_LANG ? lang : '' }
  connection.opened()
  connection.sendFeatures(features(connection, login))
}

/** RFC 5646 §4.4.1 knows no longer tag that is sensible; a longer one would be spliced into every stanza. */
const LONGEST_LANG = 35

/** Passwords may travel: inside TLS, or on loopback where the operator allowed it (JIDWAY_INSECURE_LOOPBACK). */
const mayLogIn = ({ link, host }: Negotiating): boolean => link.encrypted || (host.settings.insecureLoopback && isLoopback(link.address))

const features = (connection: Negotiating, login: Login): string => {
  const { host, link } = connection
  if (login.username !== null) {
    // RFC 6120 §7.4; RFC 3921 sessions are optional, which clients that still ask for one should see (clients.md §1)
    return `<bind xmlns='${NS.bind}'><required/></bind><session xmlns='${NS.session}'><optional/></session><sm xmlns='${NS.sm}'/>${host.offers}`
  }
  const allowed = mayLogIn(connection)
  const starttls = link.kind === 'tcp' && !link.encrypted && host.tls() !== null
    ? `<starttls xmlns='${NS.tls}'>${allowed ? '' : '<required/>'}</starttls>` : ''
  if (!allowed) return starttls
  const context = saslContext(connection, login)
  const mechanisms = offeredMechanisms(context)
  const bindings = mechanisms.some((m) => m.endsWith('-PLUS')) ? [...context.bindings.keys()] : []
  return `${starttls}<mechanisms xmlns='${NS.sasl}'>${mechanisms.map((m) => `<mechanism>${m}</mechanism>`).join('')}</mechanisms>${
    bindings.length === 0 ? '' // XEP-0440 §3
      : `<sasl-channel-binding xmlns='${NS.channelBinding}'>${bindings.map((b) => `<channel-binding type='${b}'/>`).join('')}</sasl-channel-binding>`}${host.offersStrangers}`
}

const saslContext = ({ link, host }: Negotiating, login: Login): SaslContext => {
  const { domain } = login.header as { domain: string }
  return {
    lookup: host.credentials(domain),
    prepare: prepLocal,
    // never on WebSocket: clients take the name and cannot bind (clients.md §1)
    bindings: link.kind === 'tcp' && link.tls !== null ? channelBindings(link.tls) : new Map(),
    channelBinding: host.settings.channelBinding,
    encrypted: true,
    decoySecret: host.decoySecret,
    iterations: host.decoyIterations,
    domain,
  }
}

/** An element that comes before there is a session. False stops the framer until `goOn`. */
export const negotiate = (connection: Negotiating, frame: Frame): boolean | Promise<void> => {
  const login = connection.login as Login
  if (frame.ns === NS.framing) return framed(connection, frame)
  if (login.header === null) throw new StreamError('bad-format', 'the stream is not open') // WebSocket: no <open/> yet
  if (frame.ns === NS.tls && frame.name === 'starttls') return startTls(connection, login)
  if (frame.ns === NS.sasl && login.username === null) return sasl(connection, login, frame)
  if (login.username === null && frame.kind === 'iq' && mayLogIn(connection)) {
    const answering = ofStranger(connection, login.header.domain, frame)
    if (answering !== null) return answering
  }
  if (frame.ns === NS.sm && frame.name === 'enable') {
    // XEP-0198 §3: the order is enforced by <failed/>, before the log-in as before the bind; §6: that is no reason to end the stream
    enableTooEarly(connection)
    attempted(connection, login, 'enable stream management')
    return true
  }
  // RFC 6120 §4.9.3.12: everything else needs authentication, and after it a resource (§7.1)
  if (login.username === null) throw new StreamError('not-authorized', 'log in first')
  if (frame.kind === 'iq' && frame.type === 'set' && frame.children[0]?.ns === NS.bind) return bind(connection, login, frame)
  if (frame.kind === 'iq' && frame.children[0]?.ns === NS.session) throw new StreamError('not-authorized', 'bind a resource first')
  if (frame.ns === NS.sm && frame.name === 'resume') {
    return resume(connection, makeJid(login.username, login.domain as string).bare, frame).then((resumed) => {
      if (!resumed) attempted(connection, login, 'resume')
    })
  }
  throw new StreamError('not-authorized', 'bind a resource first')
}

/** What is refused and leaves the stream open is not for ever (RFC 6120 §6.4.5). */
const attempted = ({ host }: Negotiating, login: Login, what: string): void => {
  if (++login.attempts >= host.settings.saslAttempts) throw new StreamError('policy-violation', `too many attempts to ${what}`)
}

/** A request that needs no log-in (XEP-0077); null: there is no feature that answers it. */
const ofStranger = (connection: Negotiating, domain: string, frame: Frame): Promise<void> | null => {
  const { host, link } = connection
  const [child] = frame.children
  const answer = child === undefined ? undefined : host.stranger(frame.type, child.ns, child.name)
  if (answer === undefined || frame.children.length > 1) return null
  return (async () => {
    try {
      if (frame.id === '') throw new StanzaError('bad-request', 'an <iq/> needs an id') // §8.1.3
      const payload = treeOf(frame.xml).getChildElements()[0] as Element
      connection.send(resultOf(frame, '', await answer({ payload, domain, address: link.address }) ?? null))
    } catch (error) {
      if (!(error instanceof StanzaError)) host.log.error({ err: error }, 'a request before log-in failed; this is a bug')
      connection.send(errorOf(frame, '', error instanceof StanzaError ? error : new StanzaError('internal-server-error')))
    }
  })()
}

/** RFC 7395 §3.4–3.6: <open/> stands for the stream header, also for the one after SASL; <close/> for its end. */
const framed = (connection: Negotiating, frame: Frame): boolean => {
  if (connection.link.kind !== 'websocket') throw new StreamError('unsupported-stanza-type', 'frames are for WebSocket')
  if (frame.name === 'close') connection.close(null)
  else if (frame.name === 'open') {
    const { attrs } = treeOf(frame.xml)
    const version = String(attrs['version'] ?? '')
    open(connection, frame.to, frame.from, frame.lang, version)
  } else throw new StreamError('unsupported-stanza-type')
  return true
}

/** RFC 6120 §5.4.3 */
const startTls = (connection: Negotiating, login: Login): boolean | Promise<void> => {
  const { link, host } = connection
  const context = host.tls()
  if (link.kind !== 'tcp' || link.encrypted || context === null) {
    connection.send(`<failure xmlns='${NS.tls}'/>`) // §5.4.2.2: then the stream is closed
    connection.close(null)
    return false
  }
  connection.send(`<proceed xmlns='${NS.tls}'/>`)
  login.header = null
  // in a promise: the framer stops behind this element, and what was sent in clear with it is thrown away (§5.4.3.3)
  return Promise.resolve().then(() => connection.secure(context))
}

const sasl = (connection: Negotiating, login: Login, frame: Frame): boolean | Promise<void> => {
  if (!mayLogIn(connection)) return failure(connection, login, 'encryption-required', '')
  switch (frame.name) {
    case 'auth': {
      login.exchange = null
      const mechanism = String(treeOf(frame.xml).attrs['mechanism'] ?? '')
      const context = saslContext(connection, login)
      login.exchange = offeredMechanisms(context).includes(mechanism) ? startSasl(mechanism, context) : null
      if (login.exchange === null) return failure(connection, login, 'invalid-mechanism', 'not offered')
      return step(connection, login, frame, true)
    }
    case 'response':
      if (login.exchange === null) return failure(connection, login, 'malformed-request', 'no exchange under way')
      return step(connection, login, frame, false)
    case 'abort':
      login.exchange = null
      return failure(connection, login, 'aborted', 'by the client') // RFC 6120 §6.4.4
    default: throw new StreamError('unsupported-stanza-type')
  }
}

const step = async (connection: Negotiating, login: Login, frame: Frame, initial: boolean): Promise<void> => {
  const { host, link } = connection
  const data = decodeBase64(treeOf(frame.xml).getText(), initial)
  if (data === 'incorrect-encoding') {
    failure(connection, login, 'incorrect-encoding', 'bad base64')
    return
  }
  const exchange = login.exchange as SaslExchange
  if (host.gate.wait(link.address, '') > 0) {
    failure(connection, login, 'temporary-auth-failure', 'this address is locked out')
    return
  }
  let result: SaslStep
  try {
    result = await exchange.respond(data)
  } catch (error) {
    // the database is away: nobody's password is wrong because of that
    host.log.error({ err: error }, 'a log-in could not be checked')
    failure(connection, login, 'temporary-auth-failure', 'the account cannot be looked up')
    return
  }
  if (result.kind === 'challenge') {
    connection.send(`<challenge xmlns='${NS.sasl}'>${result.data.length === 0 ? '' : result.data.toString('base64')}</challenge>`)
    return
  }
  const account = result.username === null ? '' : `${result.username}@${(login.header as { domain: string }).domain}`
  if (account !== '' && host.gate.wait(link.address, account) > 0) {
    // RFC 6120 §6.5.10. Said after the work is done, for a right guess as for a wrong one
    failure(connection, login, 'temporary-auth-failure', 'this account is locked out')
    return
  }
  if (result.kind === 'failure') {
    if (result.counted) {
      host.gate.failed(link.address, account)
      // each wrong guess on a stream makes the next answer later
      await new Promise((resolve) => setTimeout(resolve, Math.min(2000, 100 * 2 ** login.attempts)))
    }
    failure(connection, login, result.condition, result.reason)
    return
  }
  host.gate.succeeded(link.address, account)
  login.exchange = null
  login.username = result.username
  login.domain = (login.header as { domain: string }).domain
  login.header = null
  connection.send(`<success xmlns='${NS.sasl}'>${result.data === null ? '' : result.data.toString('base64')}</success>`)
  connection.authenticate()
  connection.restart() // RFC 6120 §6.4.6
}

/** RFC 6120 §6.4.5: the stream stays open for another try, of which there are at least six. */
const failure = (connection: Negotiating, login: Login, condition: SaslFailure, reason: string): boolean => {
  const { host, link } = connection
  login.exchange = null
  login.attempts++
  host.log.info({ address: link.address, condition, reason }, 'log-in refused')
  connection.send(`<failure xmlns='${NS.sasl}'><${condition}/></failure>`)
  if (login.attempts >= host.settings.saslAttempts) throw new StreamError('policy-violation', 'too many attempts to log in')
  return true
}

/** RFC 6120 §7 */
const bind = async (connection: Negotiating, login: Login, frame: Frame): Promise<void> => {
  const { domain, lang } = login.header as { domain: string; lang: string }
  const wanted = treeOf(frame.xml).getChild('bind', NS.bind)?.getChildText('resource') ?? ''
  try {
    if (frame.id === '') throw new StanzaError('bad-request', 'an <iq/> needs an id') // §8.1.3
    await bindResource(connection.host, connection, makeJid(login.username as string, domain), wanted, lang, (session) => {
      connection.send(`<iq type='result'${attribute('id', frame.id)}><bind xmlns='${NS.bind}'><jid>${escapeText(session.jid.full)}</jid></bind></iq>`)
      connection.bind(session)
    })
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error
    connection.send(errorOf(frame, '', error))
  }
}
