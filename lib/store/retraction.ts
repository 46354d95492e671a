// Messages that are taken back (XEP-0424): found by the sender's own id among the latest of a conversation, for ids of
// messages have no index, and are retracted soon or never.
import { toOctets, toText } from '../base/octets.js'
import type { Db } from '../core/ports.js'
import { HEAD } from './archive-rows.js'

/** Messages of one conversation among which the retracted one is looked for. */
const LATEST = 2000

/** An id with none of these stands in the stanza as it is. */
const PLAIN = /^[^&<>'"\s]+$/

/**
 * Archived entries of a conversation, latest first, of which one may have this id: their start tags, octets, tell.
 * @param sent by the account, or received
 */
export const maybeNamed = async (db: Db, account: string, peer: string, sent: boolean, id: string): Promise<{ seq: number; head: string }[]> => {
  const rows = await db.query<{ seq: number; head: string }>(`
    select seq, ${HEAD} from (select seq, flags, xml from log where account = $1 and peer = $2 order by seq desc limit ${LATEST}) l
    where flags & 1 <> 0 and (flags & 4 <> 0) = $3 and strpos(xml, $4) > 0 order by seq desc`, [account, peer, sent, PLAIN.test(id) ? id : ''])
  return rows.map((row) => ({ ...row, head: toOctets(row.head) }))
}

export const archivedXml = async (db: Db, account: string, seq: number): Promise<string | null> => {
  const [row] = await db.query<{ xml: string }>('select xml from log where account = $1 and seq = $2', [account, seq])
  return row === undefined ? null : toOctets(row.xml)
}

/** Something else in the place of an entry's stanza; whether it waits for an acknowledgement does not change. */
export const replaceXml = async (db: Db, account: string, seq: number, xml: string): Promise<void> => {
  await db.query('update log set xml = $3 where account = $1 and seq = $2', [account, seq, toText(xml)])
}
