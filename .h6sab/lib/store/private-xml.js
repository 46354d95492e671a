export const getPrivate = async (db, account, ns, name) => {
    const [row] = await db.query('select xml from private_xml where account = $1 and ns = $2 and name = $3', [account, ns, name]);
    return row?.xml ?? null;
};
/** 'full': more than `most` bytes for this account. */
export const setPrivate = (db, account, ns, name, xml, most) => db.transaction(async (tx) => {
    await tx.query('select 1 from account where account = $1 for update', [account]);
    const [others] = await tx.query(`
    select coalesce(sum(octet_length(xml)), 0)::float8 as bytes from private_xml where account = $1 and not (ns = $2 and name = $3)`, [account, ns, name]);
    if ((others?.bytes ?? 0) + Buffer.byteLength(xml) > most)
        return 'full';
    await tx.query(`
    insert into private_xml (account, ns, name, xml) values ($1, $2, $3, $4)
    on conflict (account, ns, name) do update set xml = excluded.xml`, [account, ns, name, xml]);
    return 'stored';
});
//# sourceMappingURL=private-xml.js.map