/**
 * Create accounts in one transaction; one answer for each: false where it is there already (and is left as it is). A
 * deleted account's row is taken up again where it was: seq and generation go on.
 */
export const addAccounts = (db, accounts) => db.transaction(async (tx) => {
    const made = await tx.query(`
    insert into account (account) select distinct a from unnest($1::text[]) a order by a
    on conflict (account) do update set deleted = null, created = now() where account.deleted is not null
    returning account`, [accounts.map((a) => a.account)]);
    const fresh = new Set(made.map((row) => row.account));
    // of an account named twice the first counts
    const first = accounts.map(({ account }) => fresh.delete(account));
    await writeCredentials(tx, accounts.filter((_, i) => first[i]));
    return first;
});
const writeCredentials = async (db, accounts) => {
    const rows = accounts.flatMap(({ account, credentials }) => credentials.map((c) => ({ account, ...c })));
    await db.query(`
    insert into credential (account, mechanism, iterations, salt, stored_key, server_key)
    select * from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[])
    on conflict (account, mechanism) do update set iterations = excluded.iterations, salt = excluded.salt,
      stored_key = excluded.stored_key, server_key = excluded.server_key`, [
        rows.map((r) => r.account), rows.map((r) => r.mechanism), rows.map((r) => r.iterations),
        rows.map((r) => r.salt.toString('base64')), rows.map((r) => r.storedKey.toString('base64')), rows.map((r) => r.serverKey.toString('base64')),
    ]);
};
/** False: no such account. */
export const setCredentials = (db, account, credentials) => db.transaction(async (tx) => {
    const [row] = await tx.query('select 1 from account where account = $1 and deleted is null for update', [account]);
    if (row === undefined)
        return false;
    await writeCredentials(tx, [{ account, credentials }]);
    return true;
});
/** All that an account has goes, but for its row: a tombstone. False: no such account. */
export const deleteAccount = (db, account) => db.transaction(async (tx) => {
    const [row] = await tx.query(`
    update account set deleted = now(), generation = generation + 1 where account = $1 and deleted is null returning account`, [account]);
    if (row === undefined)
        return false;
    await tx.query('delete from credential where account = $1', [account]);
    await tx.query('delete from presence where account = $1', [account]);
    await tx.query('delete from offline where account = $1', [account]);
    await tx.query('delete from roster where account = $1', [account]);
    await tx.query('delete from private_xml where account = $1', [account]);
    return true;
});
/** Bare JIDs in order, after this one ('' at first). */
export const listAccounts = async (db, after, limit) => {
    const rows = await db.query('select account from account where deleted is null and account > $1 order by account limit $2', [after, limit]);
    return rows.map((row) => row.account);
};
/** null: no such account. */
export const credentialsOf = async (db, account) => {
    const rows = await db.query(`
    select mechanism, iterations, salt, stored_key as "storedKey", server_key as "serverKey"
    from credential join account using (account) where account = $1 and deleted is null`, [account]);
    const bytes = (text) => Buffer.from(text, 'base64');
    return rows.length === 0 ? null : rows.map(({ mechanism, iterations, salt, storedKey, serverKey }) => ({ mechanism, iterations, salt: bytes(salt), storedKey: bytes(storedKey), serverKey: bytes(serverKey) }));
};
export const accountStore = (db) => ({
    existing: async (accounts) => {
        const rows = await db.query('select account from account where account = any($1) and deleted is null', [accounts]);
        return new Set(rows.map((row) => row.account));
    },
});
//# sourceMappingURL=accounts.js.map