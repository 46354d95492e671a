import { UsageError } from '../base/errors.js';
import { withAccounts } from './access.js';
import { errorText, importFile, isServed } from './import.js';
import { askPassword, generatePassword } from './password.js';
const PAGE = 1000;
/** Throws UsageError where it is no address, or (for new accounts) in no domain of ours. */
const accountOf = (text, { deps, settings }, mustBeServed) => {
    const jid = deps.account(text);
    const [domain = ''] = settings.domain;
    if (jid === null) {
        const hint = text.includes('@') ? '' : `; did you mean ${text}@${domain}?`;
        throw new UsageError(`'${text}' is no account like romeo@${domain}${hint}`);
    }
    if (mustBeServed && !isServed(jid, settings)) {
        throw new UsageError(`${jid} is not in a domain served here (${settings.domain.join(', ')}); see the setting domain`);
    }
    return jid;
};
const passwordFor = async (jid, { password, generate }, call) => {
    if (password !== undefined && generate === true)
        throw new UsageError('--password and --generate exclude each other');
    if (generate === true)
        return { text: generatePassword(), generated: true };
    if (password === '')
        throw new UsageError('the password is empty');
    return { text: password ?? (await askPassword(jid, call.around)), generated: false };
};
const derive = async (password, { deps, settings }) => {
    try {
        return await deps.derive(password, settings.pbkdf2Iterations);
    }
    catch (error) {
        throw new UsageError(`this password cannot be used: ${error.message}`);
    }
};
const tell = ({ around, json }, facts, text) => {
    around.stdout.write(json ? `${JSON.stringify(facts)}\n` : `${text}\n`);
};
export const addUser = async (text, options, call) => {
    const jid = accountOf(text, call, true);
    const password = await passwordFor(jid, options, call);
    const credentials = await derive(password.text, call);
    const [isNew] = await withAccounts(call.settings, call.deps, accounts => accounts.add([{ jid, credentials }]));
    if (isNew !== true)
        throw new Error(`${jid} is there already; \`user passwd ${jid}\` gives it another password`);
    tellDone(jid, 'added', password, call);
};
export const changePassword = async (text, options, call) => {
    const jid = accountOf(text, call, false);
    const password = await passwordFor(jid, options, call);
    const credentials = await derive(password.text, call);
    const done = await withAccounts(call.settings, call.deps, accounts => accounts.setPassword(jid, credentials));
    if (!done)
        throw new Error(`there is no account ${jid}`);
    tellDone(jid, 'has a new password', password, call);
};
const tellDone = (jid, what, password, call) => tell(call, { jid, ...(password.generated ? { password: password.text } : {}) }, `${jid} ${what}${password.generated ? `; password: ${password.text}` : ''}`);
export const deleteUser = async (text, call) => {
    const jid = accountOf(text, call, false);
    const done = await withAccounts(call.settings, call.deps, accounts => accounts.remove(jid));
    if (!done)
        throw new Error(`there is no account ${jid}`);
    tell(call, { jid, deleted: true }, `${jid} deleted`);
};
/** One address a line; with --json one JSON object a line. `only` is an account or a domain. */
export const listUsers = async (only, call) => {
    await withAccounts(call.settings, call.deps, async (accounts) => {
        let after = '';
        for (;;) {
            const page = await accounts.list(after, PAGE);
            for (const jid of page) {
                if (only === undefined || jid === only.toLowerCase() || jid.endsWith(`@${only.toLowerCase()}`))
                    tell(call, { jid }, jid);
            }
            if (page.length < PAGE)
                return;
            after = page.at(-1);
        }
    });
};
export const importUsers = async (file, call) => {
    const { created, there, errors } = await importFile(file, call.settings, call.deps, call.around);
    if (call.json)
        call.around.stdout.write(`${JSON.stringify({ created, there, errors })}\n`);
    else if (created + there > 0 || errors.length === 0) {
        call.around.stdout.write(`${created} accounts created${there > 0 ? `, ${there} were there already and are left as they are` : ''}\n`);
    }
    if (errors.length > 0)
        throw new Error(`${file}: ${created === 0 ? 'nothing imported' : 'not everything imported'}\n${errorText(errors)}`);
};
//# sourceMappingURL=user.js.map