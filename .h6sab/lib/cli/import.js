// `user import FILE`: CSV `jid,password`. The whole file is checked before anything is written; the keys of passwords are
// derived on all cores, and accounts are created in batches. Accounts that are there already are left as they are, so an
// import that was interrupted can be run again.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { SingleBar } from 'cli-progress';
import { UsageError } from '../base/errors.js';
import { withAccounts } from './access.js';
import { parseCsv } from './csv.js';
const BATCH = 200;
const MOST_ERRORS = 20;
export const importFile = async (file, settings, deps, { stderr }) => {
    const text = await readFile(file, 'utf8').catch((error) => {
        throw new UsageError(`${file} cannot be read: ${error.message}`);
    });
    const { wanted, errors } = checkRows(parseCsv(text), settings, deps);
    if (errors.length > 0)
        return { created: 0, there: 0, errors };
    const bar = stderr.isTTY ? new SingleBar({ format: '{bar} {value}/{total} accounts, {eta_formatted} to go', stream: stderr }) : null;
    bar?.start(wanted.length, 0);
    try {
        return await withAccounts(settings, deps, accounts => importAll(wanted, accounts, settings, deps, done => bar?.update(done)));
    }
    finally {
        bar?.stop();
    }
};
/** Every line that cannot be used, with its number. */
export const checkRows = (rows, settings, deps) => {
    const wanted = [];
    const errors = [];
    const seen = new Map();
    const header = rows[0]?.fields.join(',').toLowerCase() === 'jid,password';
    for (const { line, fields: [address = '', password, ...more] } of header ? rows.slice(1) : rows) {
        const jid = deps.account(address);
        const earlier = jid === null ? undefined : seen.get(jid);
        if (jid === null)
            errors.push(`line ${line}: '${address}' is no account like romeo@${settings.domain[0]}`);
        else if (!isServed(jid, settings))
            errors.push(`line ${line}: ${jid} is not in a domain served here (${settings.domain.join(', ')})`);
        else if (password === undefined || password === '')
            errors.push(`line ${line}: ${jid} has no password`);
        else if (more.length > 0)
            errors.push(`line ${line}: more than two fields; a password with a comma must stand in quotes`);
        else if (earlier !== undefined)
            errors.push(`line ${line}: ${jid} is in line ${earlier}, too`);
        else {
            seen.set(jid, line);
            wanted.push({ line, jid, password });
        }
    }
    return { wanted, errors };
};
/** Is the account in one of the domains served? Both are normalised. */
export const isServed = (jid, settings) => settings.domain.includes(jid.slice(jid.indexOf('@') + 1));
const importAll = async (wanted, accounts, settings, deps, progress) => {
    let created = 0;
    let there = 0;
    const errors = [];
    // while one batch is written, the next is derived: the cores never wait for the database
    let next = deriveBatch(wanted.slice(0, BATCH), settings, deps);
    for (let from = 0; from < wanted.length; from += BATCH) {
        const batch = await next;
        next = deriveBatch(wanted.slice(from + BATCH, from + 2 * BATCH), settings, deps);
        next.catch(() => { }); // awaited in the next round, unless the database fails first
        errors.push(...batch.errors);
        const answers = batch.accounts.length === 0 ? [] : await accounts.add(batch.accounts);
        for (const isNew of answers) {
            if (isNew)
                created++;
            else
                there++;
        }
        progress(Math.min(from + BATCH, wanted.length));
    }
    return { created, there, errors };
};
const deriveBatch = async (wanted, settings, deps) => {
    const accounts = [];
    const errors = [];
    const queue = wanted[Symbol.iterator]();
    const worker = async () => {
        for (const { line, jid, password } of queue) {
            try {
                accounts.push({ jid, credentials: await deps.derive(password, settings.pbkdf2Iterations) });
            }
            catch (error) {
                errors.push(`line ${line}: the password of ${jid} cannot be used: ${error.message}`);
            }
        }
    };
    await Promise.all(Array.from({ length: availableParallelism() * 2 }, worker));
    return { accounts, errors };
};
/** For eyes: the first of many errors. */
export const errorText = (errors) => [...errors.slice(0, MOST_ERRORS), ...(errors.length > MOST_ERRORS ? [`… and ${errors.length - MOST_ERRORS} more`] : [])].join('\n');
//# sourceMappingURL=import.js.map