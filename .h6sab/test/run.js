// `npm test`: finds the tests in the source tree (so that stale files in dist do not run), runs their compiled forms with
// tap, then the linter, and ends with one plain line "N passed, N failed". Counted are assertions, and each check as one.
//   npm test                             everything
//   npm test -- test/base lib/x/y.ts     only the tests of these files or folders; options after `--` go to tap
// test/debian has a runner of its own: it needs clients that only CI has.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const NO_TESTS = ['test/run.ts', 'test/helpers/', 'test/bench/', 'test/data/', 'test/plays/data', 'test/debian/'];
const TIMEOUT = 120; // seconds for one file on a busy machine
const NO_CLAIMS = 'no tests found'; // tap's word for a file without an assertion
const tally = { passed: 0, failed: 0, skipped: 0 };
const skips = new Map();
const failures = [];
const main = async () => {
    process.chdir(ROOT);
    const args = process.argv.slice(2);
    const options = args.filter(arg => arg.startsWith('-') && arg !== '--');
    const wanted = args.filter(arg => !arg.startsWith('-')).map(arg => asTest(relative(ROOT, resolve(process.env['INIT_CWD'] ?? '.', arg))));
    const files = sources('test').filter(file => wanted.length === 0 || wanted.some(path => file === path || file.startsWith(`${path}/`)));
    if (files.length === 0)
        fail(`no test matches ${wanted.join(' ')}`);
    const unbuilt = files.filter(file => !existsSync(compiled(file)));
    for (const file of unbuilt)
        fail(`${file}: not built, run npm run build`);
    const ready = files.filter(file => !unbuilt.includes(file));
    if (ready.length > 0)
        await runTap(ready.map(compiled), options);
    if (wanted.length === 0)
        lint();
    report();
};
/** `lib/x/y.ts` and `dist/test/x/y.js` mean `test/x/y.ts`. */
const asTest = (path) => path.replace(/^dist\//, '').replace(/\.js$/, '.ts').replace(/^lib\//, 'test/').replace(/\/$/, '');
const compiled = (file) => `dist/${file.replace(/\.ts$/, '.js')}`;
const sources = (folder) => readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = `${folder}/${entry.name}${entry.isDirectory() ? '/' : ''}`;
    if (NO_TESTS.some(prefix => path.startsWith(prefix)))
        return [];
    if (entry.isDirectory())
        return sources(path.slice(0, -1));
    return path.endsWith('.ts') && !path.endsWith('.d.ts') ? [path] : [];
}).toSorted();
const runTap = async (files, options) => {
    const tap = join('node_modules', 'tap', 'dist', 'esm', 'run.mjs');
    const args = [
        tap, 'run', '--disable-coverage', '--reporter=jsonstream', `--timeout=${TIMEOUT}`, `--jobs=${availableParallelism()}`, ...options, ...files,
    ];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise(done => child.on('close', code => done(code)));
    const failedBefore = [];
    const running = new Set(files);
    for await (const line of createInterface({ input: child.stdout })) {
        const event = parse(line);
        if (event === null) {
            console.log(line); // what a test printed
            continue;
        }
        const [kind, point] = event;
        if (kind === 'start')
            failedBefore[point.level ?? 0] = tally.failed;
        else if (kind === 'pass')
            tally.passed++;
        else if (kind === 'fail')
            fail(describe(point));
        else if (kind === 'skip' || kind === 'todo')
            skip(point);
        else if (kind === 'end') {
            if (point.skip === NO_CLAIMS)
                fail(`${point.name}: it claims nothing`);
            else if (point.skip !== undefined)
                skip(point);
            // a plan that does not fit, a crash: the test failed though none of its assertions did
            if (point.ok === false && tally.failed === failedBefore[point.level ?? 0])
                fail(describe(point));
            if (point.level !== 1)
                continue;
            running.delete(point.name);
            console.log(`${tally.failed > (failedBefore[1] ?? 0) ? 'FAILED' : 'ok    '} ${asTest(point.name)} ${fileTime(point)}`);
        }
    }
    const code = await ended;
    for (const file of running)
        fail(`${asTest(file)}: it did not come to its end`);
    if (code !== 0 && tally.failed === 0)
        fail(`tap ended with code ${code}`);
};
const fileTime = ({ diag, time }) => {
    const ms = time ?? Number(diag?.['duration_ms'] ?? NaN);
    return Number.isFinite(ms) ? `${(ms / 1000).toFixed(1)} s` : '';
};
const parse = (line) => {
    if (!line.startsWith('["'))
        return null;
    try {
        const event = JSON.parse(line);
        return Array.isArray(event) && typeof event[0] === 'string' && typeof event[1] === 'object' ? event : null;
    }
    catch {
        return null;
    }
};
const NOISE = new Set(['at', 'stdio', 'cwd', 'command', 'args', 'externalID', 'file', 'tapCaught', 'compare', 'typeName']);
const describe = ({ fullname, name, diag = {} }) => {
    const at = diag['at'];
    const place = at?.fileName === undefined ? '' : `\n  at ${at.fileName}:${at.lineNumber ?? '?'}`;
    const details = Object.entries(diag).filter(([key]) => !NOISE.has(key)).map(([key, value]) => `\n  ${key}: ${(typeof value === 'string' ? value : JSON.stringify(value)).trimEnd().replaceAll('\n', '\n    ')}`);
    return `${fullname ?? name}${place}${details.join('')}`;
};
const fail = (text) => {
    tally.failed++;
    failures.push(text.split('\n')[0]);
    console.log(`\nFAILED ${text}\n`);
};
const skip = ({ fullname, name, skip: reason, todo }) => {
    tally.skipped++;
    const given = typeof reason === 'string' ? reason : todo === undefined ? 'no reason given' : `to do: ${todo === true ? '' : todo}`;
    skips.set(given, [...(skips.get(given) ?? []), fullname ?? name]);
};
const lint = () => {
    const done = spawnSync(join('node_modules', '.bin', 'oxlint'), ['lib', 'routes', 'test'], { encoding: 'utf8' });
    if (done.status === 0) {
        tally.passed++;
        console.log('ok     oxlint');
    }
    else
        fail(`oxlint\n${done.error?.message ?? ''}${done.stdout}${done.stderr}`);
};
const report = () => {
    for (const [reason, names] of skips)
        console.log(`\nSKIPPED ${names.length}, because: ${reason}\n  ${names.join('\n  ')}`);
    if (failures.length > 0)
        console.log(`\nfailed:\n  ${failures.join('\n  ')}`);
    console.log(`\n${tally.passed} passed, ${tally.failed} failed${tally.skipped > 0 ? `, ${tally.skipped} skipped` : ''}`);
    process.exitCode = tally.failed > 0 ? 1 : 0;
};
await main();
//# sourceMappingURL=run.js.map