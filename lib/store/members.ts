// What the server keeps in memory of an account with sessions (lib/core/members.ts), from several tables in one query.
import { toOctets } from '../base/octets.js'
import type { Db, MemberRows, MemberStore } from '../core/ports.js'

interface Row {
  account: string
  to: string | null
  from: string | null
  requests: Record<string, string> | null
  blocked: string | null
  photo: string | null
}

/** Addresses joined by line breaks, which none contains: a thousand are read at once. */
const split = (joined: string | null): readonly string[] => (joined === null ? [] : joined.split('\n'))

const rowsOf = ({ to, from, requests, blocked, photo }: Row): MemberRows => ({
  to: split(to), from: split(from), blocked: split(blocked), photo: photo ?? '',
  requests: new Map(Object.entries(requests ?? {}).map(([jid, stanza]) => [jid, toOctets(stanza)])),
})

export const memberStore = (db: Db): MemberStore => ({
  load: async (accounts) => {
    const rows = await db.query<Row>(`
      select a.account, r.to, r.from, r.requests, b.blocked, v.photo from account a
      left join lateral (
        select string_agg(jid, E'\\n') filter (where subscription in ('to', 'both')) as "to",
          string_agg(jid, E'\\n') filter (where subscription in ('from', 'both')) as "from",
          json_object_agg(jid, request) filter (where request is not null) as requests
        from roster where account = a.account and (subscription <> 'none' or request is not null)) r on true
      left join lateral (select string_agg(jid, E'\\n') as blocked from blocked where account = a.account) b on true
      left join vcard v on v.account = a.account
      where a.account = any($1) and a.deleted is null`, [accounts])
    return new Map(rows.map((row) => [row.account, rowsOf(row)]))
  },
})
