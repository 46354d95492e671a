// Secrets that all nodes share, made at first use.
import { randomBytes } from 'node:crypto';
/** 32 random bytes under this name, the same for ever. */
export const secret = async (db, name) => {
    await db.query('insert into secret (name, value) values ($1, $2) on conflict do nothing', [name, randomBytes(32).toString('base64')]);
    const [row] = await db.query('select value from secret where name = $1', [name]);
    return Buffer.from(row.value, 'base64');
};
//# sourceMappingURL=secret.js.map