// Entries of the message log for tests of what reads it: written by a node of their own, at the time that the test says.
import type { Db, Logged, LoggedEntry, Logging } from '../../lib/core/ports.js'
import { ARCHIVED, QUEUED, SENT } from '../../lib/core/ports.js'
import { toOctets } from '../../lib/base/octets.js'
import { idOf } from '../../lib/core/log-id.js'
import { logStore } from '../../lib/store/log.js'

export interface Writer {
  /** A message from one account to the other, as a router logs it. `xml` in place of a body; `at` ms since 1970. */
  say(from: string, to: string, body: string, more?: { at?: number; xml?: string; id?: string } & Partial<Pick<Logging, 'received' | 'sent'>>): Promise<Exclude<Logged, null>>
  /** The same, many at once: one a ms. Bodies are 1, 2, … */
  sayMany(from: string, to: string, n: number, at?: number): Promise<readonly string[]>
  readonly log: ReturnType<typeof logStore>
}

let nodes = 0

const bare = (jid: string): string => jid.split('/')[0] as string

/** @returns ids of the receiver's entries with `sayMany` */
export const logWriter = async (db: Db): Promise<Writer> => {
  const node = { id: `writer${++nodes}`, epoch: 1 }
  // a node that is over disturbs none that lives
  await db.query('insert into node (id, epoch, signed_off) values ($1, $2, true)', [node.id, node.epoch])
  const log = logStore(db, node, 'always')
  let n = 0
  let marks = 77
  const commit = async (messages: readonly Logging[], at: number): Promise<readonly Logged[]> => {
    marks = Math.imul(marks, 1_103_515_245) + 12_345 | 0
    return log.commit({ n: ++n, messages, blob: '', mark: marks, at })
  }
  const logging = (from: string, to: string, inner: string, id = ''): Logging => ({
    sender: bare(from), receiver: bare(to), received: QUEUED | ARCHIVED, sent: SENT | ARCHIVED,
    xml: toOctets(`<message from='${from}' to='${to}' type='chat'${id === '' ? '' : ` id='${id}'`}>${inner}</message>`),
  })
  return {
    log,
    say: async (from, to, body, { at = Date.now(), xml, id, ...more } = {}) => {
      const [made] = await commit([{ ...logging(from, to, `<body>${body}</body>`, id), ...(xml === undefined ? {} : { xml: toOctets(xml) }), ...more }], at)
      return made as Exclude<Logged, null>
    },
    sayMany: async (from, to, count, at = 1_600_000_000_000) => {
      const ids: string[] = []
      for (let i = 0; i < count; i++) ids.push(idOf(((await commit([logging(from, to, `<body>${i + 1}</body>`)], at + i))[0] as Exclude<Logged, null>).received as LoggedEntry))
      return ids
    },
  }
}
