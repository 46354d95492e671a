// Where the accounts are reached: through a running server that owns the data folder (so that it can end sessions of a
// deleted account), else in the database itself; the embedded one only under the folder's lock.
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../base/errors.js';
import { controlCall, controlServer, ownerOf } from './control.js';
/** What a running server does for the commands. */
export const handlersOf = (running) => ({
    'account.add': async (args) => running.accounts.add(args),
    'account.password': async (args) => {
        const { jid, credentials } = args;
        return running.accounts.setPassword(jid, credentials);
    },
    'account.remove': async (args) => {
        const done = await running.accounts.remove(args);
        if (done)
            running.endSessions(args);
        return done;
    },
    'account.list': async (args) => {
        const { after, limit } = args;
        return running.accounts.list(after, limit);
    },
    facts: async () => ({ pid: process.pid, ports: running.ports, database: await running.facts() }),
});
/** Run `act` with the accounts, wherever they are, and leave everything as it was found. */
export const withAccounts = async (settings, deps, act) => {
    const access = await approach(settings);
    if (access === 'server')
        return act(remote(settings.data));
    try {
        const database = await deps.openDatabase(settings);
        try {
            return await act(database.accounts);
        }
        finally {
            await database.close();
        }
    }
    finally {
        await access?.close();
    }
};
/** The facts of the server that runs on the data folder; null: none does. */
export const serverFacts = async (data) => {
    if ((await ownerOf(data))?.serves !== true)
        return null;
    const asked = await controlCall(data, 'facts', null);
    return asked.running ? asked.result : null;
};
/**
 * 'server': one runs, ask it. Else the lock on the data folder where the embedded database needs one; another command that
 * has it is waited for. Throws UsageError where it is still held after a minute.
 */
export const approach = async ({ data, databaseUrl }) => {
    for (const until = performance.now() + LONGEST_WAIT;;) {
        if ((await ownerOf(data))?.serves === true)
            return 'server';
        if (databaseUrl !== null)
            return null;
        try {
            return await controlServer({ data, serves: false });
        }
        catch (error) {
            if (!(error instanceof UsageError) || performance.now() > until)
                throw error;
        }
        await sleep(100);
    }
};
const LONGEST_WAIT = 60_000;
const remote = (data) => {
    const call = async (command, args) => {
        const asked = await controlCall(data, command, args);
        if (!asked.running)
            throw new Error('the running server ended in the middle of the command');
        return asked.result;
    };
    return {
        add: accounts => call('account.add', accounts),
        setPassword: (jid, credentials) => call('account.password', { jid, credentials }),
        remove: jid => call('account.remove', jid),
        list: (after, limit) => call('account.list', { after, limit }),
    };
};
//# sourceMappingURL=access.js.map