// Requests that the server itself makes of a client: sent to one session, answered once, or given up.
import type { Element } from 'ltx'
import { StanzaError } from '../base/errors.js'
import type { Condition } from '../base/errors.js'
import { NS } from '../base/namespaces.js'
import type { Stanza } from '../base/stanza.js'
import { treeOf } from '../wire/tree.js'
import { attribute, serialize } from '../wire/writer.js'
import type { Session } from './sessions.js'

export interface Asking {
  /** Resolves to the payload, null where the result has none. Throws StanzaError: the client's own, or remote-server-timeout. */
  ask(session: Session, type: 'get' | 'set', payload: Element): Promise<Element | null>
  /** True: the stanza is the answer to a question of ours, and taken. */
  answered(session: Session, stanza: Stanza): boolean
}

/** ms that a client has. */
const PATIENCE = 30_000
/** Questions under way; one more is refused. */
const MOST = 10_000

interface Question {
  readonly session: Session
  resolve(answer: Stanza): void
}

export const makeAsking = (): Asking => {
  const questions = new Map<string, Question>()
  let ids = 0
  return {
    ask: async (session, type, payload) => {
      if (questions.size >= MOST) throw new StanzaError('resource-constraint', 'too many questions are under way')
      const id = `ask-${++ids}`
      const octets = `<iq type='${type}' id='${id}'${attribute('from', session.account)}${attribute('to', session.jid.full)}>${serialize(payload)}</iq>`
      const answer = await new Promise<Stanza | null>((resolve) => {
        const timer = setTimeout(() => resolve(null), PATIENCE).unref()
        questions.set(id, { session, resolve: (stanza) => {
          clearTimeout(timer)
          resolve(stanza)
        } })
        if (!session.outlet.write(octets, false)) resolve(null)
      }).finally(() => questions.delete(id))
      if (answer === null) throw new StanzaError('remote-server-timeout', 'the client did not answer')
      const tree = treeOf(answer.xml)
      if (answer.type === 'error') {
        const condition = tree.getChild('error')?.getChildElements().find((e) => e.getNS() === NS.stanzas && e.getName() !== 'text')?.getName()
        throw new StanzaError((condition ?? 'undefined-condition') as Condition, 'the client refused')
      }
      return tree.getChildElements()[0] ?? null
    },
    answered: (session, stanza) => {
      if (questions.size === 0) return false
      const question = questions.get(stanza.id)
      if (question?.session !== session) return false
      question.resolve(stanza)
      return true
    },
  }
}
