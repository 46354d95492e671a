// Two accounts to try jidway with. At the first start on localhost they get random passwords, printed once and kept in a
// file that only the owner may read; with the setting demo they are demo1 and demo2, whose passwords are their names.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../base/errors.js';
import { generatePassword } from './password.js';
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;
/** Passwords that everybody knows are for this machine only. Throws UsageError before anything is started. */
export const checkDemo = ({ demo, host }) => {
    if (demo && !LOOPBACK.test(host)) {
        throw new UsageError(`demo makes accounts whose passwords everybody knows; it goes only with a loopback host, not with ${host}`);
    }
};
export const demoAccounts = async (settings, deps, accounts) => {
    const domain = settings.domain[0];
    const file = join(settings.data, 'demo-accounts.txt');
    if (settings.demo)
        return { accounts: await fixed(domain, settings, deps, accounts), file: null };
    if (existsSync(file))
        return { accounts: [], file };
    // a domain of the real world gets no account that nobody asked for; nor does a server that has accounts
    if (!/(^|\.)localhost$/.test(domain) || (await accounts.list('', 1)).length > 0)
        return { accounts: [], file: null };
    const made = ['romeo', 'juliet'].map(name => ({ jid: `${name}@${domain}`, password: generatePassword() }));
    // first the file, then the accounts: a crash in between leaves a wrong password in a file, not an account without one
    await writeFile(file, made.map(({ jid, password }) => `${jid} ${password}\n`).join(''), { mode: 0o600, flag: 'wx' });
    await accounts.add(await Promise.all(made.map(async ({ jid, password }) => ({ jid, credentials: await deps.derive(password, settings.pbkdf2Iterations) }))));
    return { accounts: made, file };
};
const fixed = async (domain, settings, deps, accounts) => {
    const made = ['demo1', 'demo2'].map(name => ({ jid: `${name}@${domain}`, password: name }));
    for (const { jid, password } of made) {
        const credentials = await deps.derive(password, settings.pbkdf2Iterations);
        const [isNew] = await accounts.add([{ jid, credentials }]);
        if (isNew !== true)
            await accounts.setPassword(jid, credentials);
    }
    return made;
};
//# sourceMappingURL=demo.js.map