// Messages waiting for an account. The bounds are checked under the lock of the account's row, so that they hold for
// concurrent senders too: in messages, in bytes, and for one sender in messages, so that no stranger fills a mailbox.
import { toOctets, toText } from '../base/octets.js';
const append = (db, entries, bounds) => db.transaction(async (tx) => {
    const accounts = [...new Set(entries.map((e) => e.account))].sort();
    const there = await tx.query('select account from account where account = any($1) and deleted is null order by account for update', [accounts]);
    const fills = new Map(there.map(({ account }) => [account, { messages: 0, bytes: 0, senders: new Map() }]));
    // counted from the index, by sender; a mailbox is bounded, so this is too
    const counted = await tx.query(`
    select account, sender, count(*)::int as messages, sum(bytes)::float8 as bytes from offline where account = any($1) group by account, sender`, [accounts]);
    for (const { account, sender, messages, bytes } of counted) {
        const fill = fills.get(account);
        if (fill === undefined)
            continue;
        fill.messages += messages;
        fill.bytes += bytes;
        fill.senders.set(sender, messages);
    }
    const outcomes = entries.map((entry) => {
        const fill = fills.get(entry.account);
        if (fill === undefined)
            return 'no-account';
        const bySender = fill.senders.get(entry.sender) ?? 0;
        if (fill.messages >= bounds.messages || fill.bytes + entry.xml.length > bounds.bytes || bySender >= bounds.perSender)
            return 'full';
        fill.messages++;
        fill.bytes += entry.xml.length;
        fill.senders.set(entry.sender, bySender + 1);
        return 'stored';
    });
    const stored = entries.filter((_, i) => outcomes[i] === 'stored');
    if (stored.length > 0) {
        // the order of the rows is the order of their ids
        await tx.query(`
      insert into offline (account, sender, xml, bytes, at)
      select account, sender, xml, bytes, at from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bigint[])
        with ordinality as e (account, sender, xml, bytes, at, i) order by i`, [
            stored.map((e) => e.account), stored.map((e) => e.sender), stored.map((e) => toText(e.xml)), stored.map((e) => e.xml.length), stored.map((e) => Math.round(e.at)),
        ]);
    }
    return outcomes;
});
export const offlineStore = (db, bounds) => ({
    append: (entries) => append(db, entries, bounds),
    page: async (account, after, limit) => {
        const rows = await db.query('select id, xml, at from offline where account = $1 and id > $2 order by id limit $3', [account, after === '' ? 0 : Number(after), limit]);
        return rows.map(({ id, xml, at }) => ({ id: String(id), xml: toOctets(xml), at }));
    },
    remove: async (account, upTo) => {
        await db.query('delete from offline where account = $1 and id <= $2', [account, Number(upTo)]);
    },
});
//# sourceMappingURL=offline.js.map