// What the database knows of a message, for `jidway trace`. The log has no index on ids of messages: it is walked along its key,
// a piece a statement, so that others have their turn in between, and not for ever.
import { toOctets } from '../base/octets.js'
import { readBlob, readReferences } from '../core/journal.js'
import type { Db } from '../core/ports.js'
import type { TraceEntry, TraceStore } from '../core/trace.js'
import { seqAt } from './archive.js'
import { WAITS } from './queue.js'

/** Entries in one statement; in all; ms in all. */
const PIECE = 5000
const MOST_READ = 1_000_000
const LONGEST = 20_000
/** Candidates that are looked at, and journal rows. */
const MOST_FOUND = 1000
const MOST_BLOBS = 2000
const MOST_SESSIONS = 1000
/** ms that the clocks of two nodes may differ. */
const SKEW = 5000

const WAITING = `${WAITS} as waiting`
const COLUMNS = 'l.account, l.seq, l.mark, l.at, l.peer, l.flags, l.xml'

const entryOf = ({ xml, ...row }: TraceEntry): TraceEntry => ({ ...row, xml: toOctets(xml) })

/** What must stand in the stanza as it is where it has this id: its longest part that needs no escape. */
const needle = (id: string): string => id.split(/[&<>'"\s]/).reduce((a, b) => (b.length > a.length ? b : a), '')

/** Sent and received entries have the same stanza, but for what was retracted. */
const isPartner = (entry: TraceEntry, other: TraceEntry): boolean =>
  (entry.flags & 4) !== (other.flags & 4) && (entry.account !== other.account || entry.seq !== other.seq)

export const traceStore = (db: Db): TraceStore => {
  const query = async (text: string, values: readonly unknown[]): Promise<TraceEntry[]> => (await db.query<TraceEntry>(text, values)).map(entryOf)

  return {
    // one probe of the key for each account that has so many entries
    numbered: ({ seq, mark }, account, limit) => query(`
      select ${COLUMNS}, ${WAITING} from account a
        cross join lateral (select * from log l where l.account = a.account and l.seq = $1 offset 0) l
        left join queue q on q.account = l.account
      where a.seq >= $1 and l.mark = $2 and ($3::text is null or a.account = $3) limit $4`, [seq, mark, account, limit]),
    named: async (id, account) => {
      const until = performance.now() + LONGEST
      const found: TraceEntry[] = []
      const part = needle(id)
      let read = 0
      let at = { account: account ?? '', seq: account === null ? 0 : Number.MAX_SAFE_INTEGER }
      for (;;) {
        if (read >= MOST_READ || found.length >= MOST_FOUND || performance.now() > until) return { entries: found, read, whole: false }
        // one account's newest first; all accounts along the key
        const piece = account === null
          ? 'select account, seq from log where (account, seq) > ($1, $2) order by account, seq limit $3'
          : 'select account, seq from log where account = $1 and seq < $2 order by seq desc limit $3'
        const rows = await db.query<{ account: string; seq: number; n: number }>(`select account, seq, n from (select account, seq, row_number() over () as n, count(*) over () as all from (${piece}) p) p where n = "all"`, [at.account, at.seq, PIECE])
        const last = rows[0]
        if (last === undefined) return { entries: found, read, whole: true }
        found.push(...await query(`
          select ${COLUMNS}, ${WAITING} from log l left join queue q on q.account = l.account
          where ${account === null ? '(l.account, l.seq) > ($1, $2) and (l.account, l.seq) <= ($3, $4)' : 'l.account = $1 and l.account = $3 and l.seq < $2 and l.seq >= $4'}
            and strpos(l.xml, $5) > 0 order by l.at desc limit ${MOST_FOUND}`, [at.account, at.seq, last.account, last.seq, part]))
        read += last.n
        at = last
        if (last.n < PIECE) return { entries: found, read, whole: found.length < MOST_FOUND }
      }
    },
    entry: async (account, seq) => (await query(`select ${COLUMNS}, ${WAITING} from log l left join queue q on q.account = l.account where l.account = $1 and l.seq = $2`, [account, seq]))[0] ?? null,
    partner: async (entry) => {
      const from = await seqAt(db, entry.peer, entry.at - SKEW)
      const near = await query(`
        select ${COLUMNS}, ${WAITING} from log l left join queue q on q.account = l.account
        where l.account = $1 and l.peer = $2 and l.seq >= $3 and l.mark = $4 and l.at = $5 order by l.seq limit 1000`, [entry.peer, entry.account, from, entry.mark, entry.at])
      const others = near.filter((other) => isPartner(entry, other))
      return others.find((other) => other.xml === entry.xml) ?? (others.length === 1 ? others[0] as TraceEntry : null)
    },
    journaled: async (account, seq) => {
      const blobs = await db.query<{ node: string; n: number; blob: string }>(
        'select node, n, blob from journal where strpos(blob, $1) > 0 order by node, epoch, n desc limit $2', [JSON.stringify(account), MOST_BLOBS])
      const streams = await db.query<{ sessionId: string; resource: string; unacked: string; detached: number | null; ended: number | null }>(
        'select session_id as "sessionId", resource, unacked, detached, ended from resumption where account = $1 limit $2', [account, MOST_SESSIONS])
      const nameOf = (sessionId: string): string => {
        const stream = streams.find((s) => s.sessionId === sessionId)
        return stream === undefined ? `${account}/?` : `${account}/${stream.resource}`
      }
      return {
        records: blobs.flatMap(({ node, n, blob }) => readBlob(blob).filter((p) => p.account === account).flatMap((p) => p.records.filter((r) => r.seq === seq)
          .map(({ number, form }) => ({ session: nameOf(p.sessionId), number, form, node, batch: n })))),
        streams: streams.flatMap(({ sessionId, unacked, detached, ended }) => (ended !== null ? [] : readReferences(unacked).filter((r) => r.seq === seq)
          .map(({ number, form }) => ({ session: nameOf(sessionId), number, form, detached })))),
      }
    },
  }
}
