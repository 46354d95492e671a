const COLUMNS = 'jid, name, subscription, ask, groups';
export const rosterOf = (db, account) => db.query(`select ${COLUMNS} from roster where account = $1 order by jid`, [account]);
/** Raise the roster's version, and with it lock the account. */
const raise = async (db, account) => {
    const [row] = await db.query('update account set roster_ver = roster_ver + 1 where account = $1 returning roster_ver as ver', [account]);
    return row?.ver ?? 0;
};
/** Name and groups of a contact, new or known (RFC 6121 §2.3.1, §2.4.1); the subscription is not the client's to set. 'full': one contact too many. */
export const setContact = (db, account, jid, name, groups, most) => db.transaction(async (tx) => {
    const ver = await raise(tx, account);
    const [room] = await tx.query('select count(*) < $3 or bool_or(jid = $2) as free from roster where account = $1', [account, jid, most]);
    if (room?.free !== true)
        return 'full';
    const [item] = await tx.query(`
    insert into roster (account, jid, name, groups, ver) values ($1, $2, $3, $4::text[], $5)
    on conflict (account, jid) do update set name = excluded.name, groups = excluded.groups, ver = excluded.ver
    returning ${COLUMNS}`, [account, jid, name, groups, ver]);
    return item;
});
/** False: no such contact. */
export const removeContact = (db, account, jid) => db.transaction(async (tx) => {
    await raise(tx, account);
    const gone = await tx.query('delete from roster where account = $1 and jid = $2 returning jid', [account, jid]);
    return gone.length > 0;
});
//# sourceMappingURL=roster.js.map