// When an account's last session ended, and what it said then (RFC 6121 §4.3.2, XEP-0012).
import { toOctets, toText } from '../base/octets.js'
import type { Db, DepartureStore } from '../core/ports.js'

export const departureStore = (db: Db): DepartureStore => ({
  save: async (departures) => {
    // of several of one account the last counts; one statement cannot write a row twice
    const last = [...new Map(departures.map((d) => [d.account, d])).values()]
    await db.query(`
      insert into departure (account, at, presence)
      select d.account, d.at, d.presence from unnest($1::text[], $2::bigint[], $3::text[]) d (account, at, presence)
        join account a on a.account = d.account and a.deleted is null
        order by d.account
      on conflict (account) do update set at = excluded.at, presence = excluded.presence`, [
      last.map((d) => d.account), last.map((d) => Math.round(d.at)), last.map((d) => (d.presence === null ? null : toText(d.presence))),
    ])
  },
  load: async (accounts, withWords) => {
    const rows = await db.query<{ account: string; at: number; presence: string | null }>(`
      select account, at, presence from departure where account = any($1) and (presence is not null or not $2)`, [accounts, withWords])
    return new Map(rows.map(({ account, at, presence }) => [account, { at, presence: presence === null ? null : toOctets(presence) }]))
  },
})
