// Stream management (XEP-0198) on the wire: `<enable/>`, `<r/>`, `<a/>` on a bound stream, `<resume/>` before binding. What is
// counted and kept is lib/core/managed-stream.ts, what outlives the connection lib/core/resumption.ts.
import { AwayError, StreamError } from '../base/errors.js'
import { NS } from '../base/namespaces.js'
import type { Frame } from '../base/stanza.js'
import type { Wire } from '../core/managed-stream.js'
import type { Outlet, Session } from '../core/sessions.js'
import { treeOf } from '../wire/tree.js'
import { attribute } from '../wire/writer.js'
import type { Host } from './host.js'
import type { Link } from './link.js'

export interface Managing extends Outlet, Wire {
  readonly host: Host
  readonly link: Link
  send(octets: string): void
}

const attributesOf = (frame: Frame): Partial<Record<string, string>> => treeOf(frame.xml).attrs as Partial<Record<string, string>>

/** XML Schema's boolean (§5, note). */
const isTrue = (value: unknown): boolean => value === 'true' || value === '1'

/** xs:unsignedInt; null: it is none. */
const countOf = (value: string | undefined): number | null =>
  (value !== undefined && /^\d{1,10}$/.test(value.trim()) && Number(value) < 2 ** 32 ? Number(value) : null)

const failed = (condition: string, h: number | null = null): string =>
  `<failed xmlns='${NS.sm}'${h === null ? '' : ` h='${h % 2 ** 32}'`}><${condition} xmlns='${NS.stanzas}'/></failed>`

/** An element of stream management on a bound stream. A promise: what comes behind it waits. */
export const managed = (connection: Managing, session: Session, frame: Frame): boolean | Promise<void> => {
  const { stream } = session
  switch (frame.name) {
    case 'r':
      if (stream === null) break
      stream.requested()
      return true
    case 'a': {
      if (stream === null) break
      const h = countOf(attributesOf(frame)['h'])
      if (h === null) throw new StreamError('invalid-xml', '<a/> needs an h')
      stream.acknowledge(h)
      return true
    }
    case 'enable': {
      if (stream !== null) break // §3: only once
      return enable(connection, session, frame)
    }
    default:
  }
  connection.send(failed('unexpected-request'))
  return true
}

/** §3 */
const enable = async (connection: Managing, session: Session, frame: Frame): Promise<void> => {
  const { resumption, settings } = connection.host
  const { resume, max } = attributesOf(frame)
  const wanted = !isTrue(resume) ? 0 : Math.max(1, Math.min(countOf(max) ?? settings.resumeWindow, settings.resumeWindow))
  try {
    // §3, §5: where the session is, so that it need not be taken over. A WebSocket's client cannot go there
    const location = connection.link.kind === 'tcp' ? attribute('location', settings.publicAddress ?? '') : ''
    await resumption.enable(session, connection, settings.resumeWindow === 0 ? 0 : wanted, ({ id, lasts }) => {
      connection.send(lasts === 0 ? `<enabled xmlns='${NS.sm}'/>` : `<enabled xmlns='${NS.sm}'${attribute('id', id)}${location} resume='true' max='${lasts}'/>`)
    })
  } catch (error) {
    if (!(error instanceof AwayError)) throw error
    connection.send(failed('resource-constraint'))
    return
  }
  // @xmpp/client starts to count a turn after it has read <enabled/>: what comes in the same piece it does not count, and
  // ever after its h is too low. What it has sent meanwhile is answered a moment later
  await new Promise((resolve) => setTimeout(resolve, APART))
}

/** ms */
const APART = 20

/** §3: out of order, before there is a session. */
export const enableTooEarly = (connection: Managing): void => connection.send(failed('unexpected-request'))

/** §5, instead of binding a resource. True: the connection has the session now. */
export const resume = async (connection: Managing & { bind(session: Session): void; readonly isOver: boolean }, account: string, frame: Frame): Promise<boolean> => {
  const attrs = attributesOf(frame)
  const h = countOf(attrs['h'])
  const previd = attrs['previd'] ?? ''
  if (h === null || previd === '' || previd.length > LONGEST_ID) {
    connection.send(failed('bad-request'))
    return false
  }
  const found = await connection.host.resumption.resume(account, previd, () => !connection.isOver)
  if (found === null || typeof found === 'number') {
    // a client that is told how much was done need not send that again
    connection.send(failed('item-not-found', found))
    return false
  }
  connection.send(`<resumed xmlns='${NS.sm}'${attribute('previd', previd)} h='${found.h % 2 ** 32}'/>`)
  connection.bind(found.session)
  found.attach(connection, connection, h)
  return true
}

const LONGEST_ID = 100
