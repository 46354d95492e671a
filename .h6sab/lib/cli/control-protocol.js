import { UsageError } from '../base/errors.js';
const LONGEST_LINE = 4 * 1024 * 1024;
/** The one command that every owner answers, with Owner. */
export const WHO = 'who';
/** The server's side of one connection. */
export const answer = (socket, owner, ready) => {
    const say = (line) => {
        if (socket.writable)
            socket.write(`${JSON.stringify(line)}\n`);
    };
    const obey = async (line) => {
        try {
            const { command, args } = parse(line);
            say({ done: (await run(owner, ready, command, args, part => say({ line: part }))) ?? null });
        }
        catch (error) {
            say({ error: error instanceof Error ? error.message : String(error), usage: error instanceof UsageError });
        }
        socket.end();
    };
    onLines(socket, line => void obey(line), () => socket.end());
};
const run = async (owner, ready, command, args, tell) => {
    if (command === WHO)
        return owner; // also while the server starts
    const handlers = await ready();
    const handler = Object.hasOwn(handlers, command) ? handlers[command] : undefined;
    if (handler === undefined)
        throw new UsageError(`the running server knows no command '${command}'; is it another version?`);
    return handler(args, tell);
};
/** The client's side: asks once and closes. */
export const ask = (socket, command, args, onLine) => new Promise((done, failed) => {
    const over = (act) => {
        act();
        socket.destroy();
    };
    onLines(socket, line => {
        const said = parse(line);
        if (said === null)
            over(() => failed(new Error('what answers on the control socket is no jidway')));
        else if ('line' in said)
            onLine(said.line);
        else if ('done' in said)
            over(() => done(said.done));
        else
            over(() => failed(said.usage === true ? new UsageError(said.error) : new Error(said.error)));
    }, () => over(() => failed(new Error('the running server ended in the middle of the command'))));
    socket.write(`${JSON.stringify({ command, args })}\n`);
});
/** Buffers (keys of passwords) survive the way through JSON. */
const parse = (line) => {
    try {
        return JSON.parse(line, (_, value) => (isBuffer(value) ? Buffer.from(value.data) : value));
    }
    catch {
        return null;
    }
};
const isBuffer = (value) => typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value && Array.isArray(value.data);
const onLines = (socket, onLine, onEnd) => {
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('error', onEnd);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    socket.on('data', (part) => {
        const lines = (rest + part).split('\n');
        rest = lines.pop();
        if (rest.length > LONGEST_LINE)
            socket.destroy();
        for (const line of lines)
            onLine(line);
    });
};
//# sourceMappingURL=control-protocol.js.map