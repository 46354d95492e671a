// The lock of the data folder and the door to its owner.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { extname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { UsageError } from '../../lib/base/errors.js';
import { controlCall, controlServer } from '../../lib/cli/control.js';
const HOLDER = fileURLToPath(new URL(`../helpers/hold-folder${extname(import.meta.url)}`, import.meta.url));
const hold = async (folder) => {
    const child = spawn(process.execPath, [...process.execArgv, HOLDER, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
    for await (const said of createInterface({ input: child.stdout }))
        return { child, said };
    throw new Error('the holder said nothing');
};
/** How many of these came to own the folder; each that did not must have said why. */
const winners = async (attempts) => {
    const settled = await Promise.allSettled(attempts);
    return settled.flatMap(result => {
        if (result.status === 'fulfilled')
            return [result.value];
        if (result.reason instanceof UsageError && /another jidway/.test(result.reason.message))
            return [];
        throw result.reason;
    });
};
t.test('the folder is made for its owner alone, and a second owner is refused with the pid of the first', async (t) => {
    const data = join(t.testdir({}), 'data');
    const control = await controlServer({ data, handlers: {} });
    t.equal(statSync(data).mode & 0o777, 0o700);
    await t.rejects(controlServer({ data }), { name: 'UsageError', message: new RegExp(`another jidway \\(pid ${process.pid}\\) runs on the data folder .*--data`) });
    await control.close();
    await (await controlServer({ data })).close();
});
t.test('of many that want a folder at once exactly one gets it', async (t) => {
    const data = t.testdir({});
    for (let round = 0; round < 20; round++) {
        const owners = await winners(Array.from({ length: 12 }, async (_, i) => {
            await sleep(i % 4);
            return controlServer({ data });
        }));
        t.equal(owners.length, 1, `round ${round}: each begins with the dead socket of the round before`);
        for (const owner of owners)
            await owner.close();
    }
    t.equal(readdirSync(data).length, 1, 'only the last name is left behind');
});
t.test('owners that come and go while others try never overlap', async (t) => {
    const data = t.testdir({});
    let now = 0;
    let most = 0;
    let turns = 0;
    await Promise.all(Array.from({ length: 8 }, async (_, i) => {
        for (let attempt = 0; attempt < 25; attempt++) {
            const [owner] = await winners([controlServer({ data })]);
            if (owner !== undefined) {
                turns++;
                most = Math.max(most, ++now);
                await sleep(i % 3);
                now--;
                await owner.close();
            }
            await sleep((i * attempt) % 5);
        }
    }));
    t.equal(most, 1);
    t.ok(turns > 8, `${turns} turns`);
});
t.test('after kill -9 the folder is free; while its owner is stopped it is not', async (t) => {
    const data = t.testdir({});
    const { child, said } = await hold(data);
    t.equal(said, 'owner');
    t.match((await hold(data)).said, new RegExp(`another jidway \\(pid ${child.pid}\\)`));
    child.kill('SIGSTOP');
    await t.rejects(controlServer({ data }), /which does not answer/);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const control = await controlServer({ data });
    await control.close();
});
t.test('a command is answered with lines on the way and a result, or with its error', async (t) => {
    const data = t.testdir({});
    t.same(await controlCall(data, 'add', [1, 2]), { running: false });
    const control = await controlServer({
        data,
        handlers: {
            add: async (args, tell) => {
                for (const number of args)
                    tell({ number });
                return args.reduce((a, b) => a + b);
            },
            key: async (args) => (Buffer.isBuffer(args.key) ? args : 'no buffer'),
            nothing: async () => undefined,
            usage: async () => { throw new UsageError('not so'); },
            broken: async () => { throw new TypeError('oh'); },
        },
    });
    const lines = [];
    t.same(await controlCall(data, 'add', [1, 2], line => lines.push(line)), { running: true, result: 3 });
    t.same(lines, [{ number: 1 }, { number: 2 }]);
    t.same(await controlCall(data, 'key', { key: Buffer.from('ab') }), { running: true, result: { key: Buffer.from('ab') } });
    t.same(await controlCall(data, 'nothing', null), { running: true, result: null });
    await t.rejects(controlCall(data, 'usage', null), { name: 'UsageError', message: 'not so' });
    await t.rejects(controlCall(data, 'broken', null), { name: 'Error', message: 'oh' });
    await t.rejects(controlCall(data, 'toString', null), /knows no command 'toString'/);
    await control.close();
});
t.test('a command that comes while the server starts waits for it; one that it leaves behind fails', async (t) => {
    const data = t.testdir({});
    const control = await controlServer({ data });
    const early = controlCall(data, 'hello', null);
    await sleep(20);
    control.serve({ hello: async () => 'hello', never: () => new Promise(() => { }) });
    t.same(await early, { running: true, result: 'hello' });
    const left = controlCall(data, 'never', null);
    await sleep(20);
    await control.close();
    await t.rejects(left, /ended in the middle/);
});
t.test('garbage ends only its connection', async (t) => {
    const data = t.testdir({});
    const control = await controlServer({ data, handlers: { hello: async () => 'hello' } });
    t.teardown(() => control.close());
    const path = relative('.', join(data, readdirSync(data)[0]));
    for (const said of ['what?\n', 'null\n', '{}\n', 'x'.repeat(5 * 1024 * 1024)]) {
        await new Promise(closed => {
            const socket = createConnection(path);
            socket.on('error', () => { }).on('close', closed).resume();
            socket.end(said);
        });
    }
    t.same(await controlCall(data, 'hello', null), { running: true, result: 'hello' });
});
t.test('a folder whose path is too long for a socket is served all the same', { skip: process.platform === 'linux' ? false : 'needs /proc' }, async (t) => {
    const data = join(t.testdir({}), 'x'.repeat(120));
    const control = await controlServer({ data, handlers: { hello: async () => 'hello' } });
    t.teardown(() => control.close());
    await t.rejects(controlServer({ data }), /another jidway/);
    t.same(await controlCall(data, 'hello', null), { running: true, result: 'hello' });
});
//# sourceMappingURL=control.js.map