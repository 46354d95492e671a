// Reading an account's archive from its beginning to its end (XEP-0313, paged by XEP-0059) into the ledger.
import type { Frame } from '../base/stanza.js'
import type { Client } from './self.js'
import type { Ledger } from './ledger.js'
import { attributeOf, MAM, numberIn } from './speech.js'
import { hash } from './random.js'

const PAGE = 200
/** ms for one page. */
const PATIENCE = 30_000
/** Pages of one account; its archive may hold what earlier runs left. */
const MOST = 100_000

export type ArchiveRead = 'complete' | 'none' | 'failed'

export interface ArchiveReader {
  /** For World.archived of the client that reads. */
  readonly archived: (frame: Frame) => void
  /** From where the one before came to. none: this server has no archive. */
  read(client: Client): Promise<ArchiveRead>
}

export const archiveReader = (run: string, ledger: Ledger, now: () => number): ArchiveReader => {
  let reading: Client | null = null
  let after = ''
  /** Of a page whose end has not come: it is read again where the connection breaks. */
  let entered: (() => void)[] = []
  return {
    archived: ({ xml, children: [result] }) => {
      const life = reading?.self.life
      const message = numberIn(run, xml)
      // chat states are not archived, but it would be no fault
      if (life === null || life === undefined || result === undefined || message < 0 || message >= ledger.messages.size || !xml.includes('<body')) return
      const name = hash(attributeOf(xml.slice(result.start, result.end), 'id'))
      entered.push(() => ledger.received(message, life, now(), 'archive', false, name))
    },
    read: async (client) => {
      reading = client
      for (let page = 0; page < MOST; page++) {
        entered = []
        const answer = await ask(client, after)
        if (answer === null) return 'failed'
        if (answer.type === 'error') return after === '' && /service-unavailable|feature-not-implemented/.test(answer.xml) ? 'none' : 'failed'
        for (const enter of entered) enter()
        const last = /<last>([^<]*)<\/last>/.exec(answer.xml)?.[1] ?? ''
        if (last === '' || /complete\s*=\s*['"]true['"]/.test(answer.xml)) return 'complete'
        after = last
      }
      return 'failed'
    },
  }
}

const ask = async ({ self }: Client, after: string): Promise<Frame | null> => {
  const position = after === '' ? '' : `<after>${after}</after>`
  const id = self.ask('archive', '', 'set', `<query xmlns='${MAM}' queryid='q${self.ids}'><set xmlns='http://jabber.org/protocol/rsm'><max>${PAGE}</max>${position}</set></query>`)
  return self.answer(id, PATIENCE)
}
