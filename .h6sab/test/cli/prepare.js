// prepare.js in a small project of its own: a fresh clone is installed and built, and a second start does nothing.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
const PREPARE = readFileSync('lib/cli/prepare.js', 'utf8');
const TSCONFIG = JSON.stringify({
    compilerOptions: { rootDir: '.', outDir: 'dist', module: 'nodenext', target: 'es2023', noEmitOnError: true, incremental: true, types: [],
        tsBuildInfoFile: 'dist/.tsbuildinfo', skipLibCheck: true, noLib: true },
    files: ['types.d.ts'],
    include: ['lib/**/*.ts', 'test/**/*.ts'],
});
// noLib makes each compilation fast; these are the types that tsc then misses
const TYPES = ['Array<T>', 'Boolean', 'CallableFunction', 'Function', 'IArguments', 'NewableFunction', 'Number', 'Object', 'RegExp', 'String']
    .map(name => `interface ${name} {}`).join('\n');
const run = (folder, ...node) => {
    const env = { ...process.env, npm_config_offline: 'true', NODE_OPTIONS: '' };
    const { status, stdout, stderr } = spawnSync(process.execPath, [...node, 'lib/cli/prepare.js'], { cwd: folder, encoding: 'utf8', env });
    return { code: status, out: stdout, err: stderr };
};
t.test('prepare', async (t) => {
    const folder = t.testdir({
        'package.json': JSON.stringify({ name: 'small', version: '1.0.0', type: 'module', devDependencies: { typescript: `file:${resolve('node_modules/typescript')}` } }),
        'tsconfig.json': TSCONFIG,
        'types.d.ts': TYPES,
        lib: { cli: { 'prepare.js': PREPARE }, 'one.ts': 'export const one = 1\n' },
        routes: {},
        test: { 'two.ts': 'export const two = 2\n' },
    });
    const at = (...path) => join(folder, ...path);
    execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts', '--offline', '--no-audit'], { cwd: folder, stdio: 'ignore' });
    t.test('a fresh clone is installed and built, in one line each', async (t) => {
        const { code, out, err } = run(folder);
        t.equal(code, 0, err);
        t.match(out, /^installing packages \(npm ci\) … \d+ in [\d.]+ s\nbuilding \(tsc\) … [\d.]+ s\n$/);
        t.ok(existsSync(at('node_modules/typescript/package.json')), 'development packages are there');
        t.ok(existsSync(at('dist/lib/one.js')) && existsSync(at('dist/test/two.js')));
    });
    t.test('the second start does nothing, says nothing, and takes no time', async (t) => {
        const began = performance.now();
        t.same(run(folder), { code: 0, out: '', err: '' });
        const bare = performance.now();
        spawnSync(process.execPath, ['-e', '0']);
        t.ok(bare - began - (performance.now() - bare) < 300, 'under 0.3 s beyond the start of Node itself');
    });
    t.test('a lock file that is only touched installs nothing; one that differs does', async (t) => {
        const later = new Date(Date.now() + 60_000);
        utimesSync(at('package-lock.json'), later, later);
        t.notMatch(run(folder).out, /installing/);
        const noted = JSON.parse(readFileSync(at('node_modules/.package-lock.json'), 'utf8'));
        const [, entry] = Object.entries(noted.packages).find(([path]) => !path.startsWith('node_modules/'));
        entry.version = '0.0.1';
        writeFileSync(at('node_modules/.package-lock.json'), JSON.stringify(noted));
        t.match(run(folder).out, /^installing packages/);
        t.equal(run(folder).out, '');
    });
    t.test('a changed source is built, also when its time is in the past', async (t) => {
        writeFileSync(at('lib/one.ts'), 'export const one = 11\n');
        utimesSync(at('lib/one.ts'), 1, 1);
        t.match(run(folder).out, /^building/);
        t.match(readFileSync(at('dist/lib/one.js'), 'utf8'), /11/);
    });
    t.test('built files whose source is gone are removed', async (t) => {
        renameSync(at('test/two.ts'), at('test/three.ts'));
        t.match(run(folder).out, /^removed 1 built files/);
        t.notOk(existsSync(at('dist/test/two.js')));
        t.ok(existsSync(at('dist/test/three.js')));
    });
    t.test('a built file that somebody removed is built again', async (t) => {
        rmSync(at('dist/lib/one.js'));
        t.match(run(folder).out, /^building/);
        t.ok(existsSync(at('dist/lib/one.js')));
    });
    t.test('a source that does not compile stops the start with the compiler\'s words, every time', async (t) => {
        writeFileSync(at('lib/one.ts'), 'export const one: string = 1\n');
        for (let i = 0; i < 2; i++) {
            const { code, err } = run(folder);
            t.equal(code, 1);
            t.match(err, /lib\/one\.ts\(1,14\): error TS2322/);
        }
    });
    t.test('an old Node is told what is needed', async (t) => {
        writeFileSync(at('old.cjs'), "Object.defineProperty(process.versions, 'node', { value: '20.18.3' })\n");
        const { code, err } = run(folder, '--require', './old.cjs');
        t.equal(code, 1);
        t.match(err, /needs Node 20\.19 or newer; this is 20\.18\.3/);
    });
});
//# sourceMappingURL=prepare.js.map