// A password for a new account: from the option, generated, typed unseen on a terminal, or the first line of stdin.
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { UsageError } from '../base/errors.js';
/** 120 bits, in letters that survive any shell and any keyboard. */
export const generatePassword = () => randomBytes(15).toString('base64url').replaceAll('-', 'x').replaceAll('_', 'y');
/** Throws UsageError where there is none. Generated ones are the caller's to print. */
export const askPassword = async (who, { stdin, stderr }) => {
    const password = stdin.isTTY ? await typedTwice(who, stdin, stderr) : await firstLine(stdin);
    if (password === '')
        throw new UsageError('no password given: type one, pass it on standard input, or use --password or --generate');
    return password;
};
const typedTwice = async (who, stdin, stderr) => {
    const password = await typed(`password for ${who}: `, stdin, stderr);
    if (password !== '' && (await typed('once more: ', stdin, stderr)) !== password)
        throw new UsageError('the two passwords differ');
    return password;
};
/** One line, unseen: readline edits it, but what it would show goes nowhere. */
const typed = (prompt, stdin, stderr) => new Promise((done, failed) => {
    stderr.write(prompt);
    const nowhere = new Writable({ write: (_chunk, _encoding, next) => next() });
    const lines = createInterface({ input: stdin, output: nowhere, terminal: true });
    let line = '';
    lines.on('SIGINT', () => {
        lines.close();
        failed(new UsageError('given up'));
    });
    lines.once('line', given => {
        line = given;
        lines.close();
    });
    lines.once('close', () => {
        stderr.write('\n');
        done(line);
    });
});
const firstLine = async (stdin) => {
    for await (const line of createInterface({ input: stdin }))
        return line;
    return '';
};
//# sourceMappingURL=password.js.map