// test/run.ts in a small project of its own: what it runs, how it counts, and that nothing that went wrong can hide.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import ts from 'typescript'

const { outputText: RUN } = ts.transpileModule(readFileSync('test/run.ts', 'utf8'), {
  compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
})

/** A project whose compiled tests are these; the sources only have to be there. Not below .gitignore, which the linter heeds. */
const project = (t: Test, tests: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const write = (path: string, content: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  write('package.json', '{"type":"module"}')
  write('.oxlintrc.json', readFileSync('.oxlintrc.json', 'utf8'))
  write('lib/x.ts', 'export const x = 1\n')
  write('routes/x.ts', 'export const x = 1\n')
  write('test/run.ts', 'export const x = 1\n')
  write('dist/test/run.js', RUN)
  for (const [name, content] of Object.entries(tests)) {
    write(`test/${name}.ts`, 'export const x = 1\n')
    write(`dist/test/${name}.js`, content)
  }
  return folder
}

const run = (folder: string, ...args: string[]): { code: number | null; out: string; last: string } => {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(_?TAP|INIT_CWD)/.test(name)))
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/test/run.js', ...args], { cwd: folder, encoding: 'utf8', env })
  const out = stdout + stderr
  return { code: status, out, last: stdout.trimEnd().split('\n').at(-1)! }
}

const TAP = "import t from 'tap'\n"

t.test('passing tests end with their number and code 0', async t => {
  const folder = project(t, { a: `${TAP}t.test('a claim', async t => { t.ok(1); t.equal(2, 2) })`, 'base/b': `${TAP}t.ok(1)`, 'bench/c': 'process.exit(1)' })
  writeFileSync(join(folder, 'dist/test/stale.js'), 'process.exit(1)')
  const { code, out, last } = run(folder)
  t.equal(last, '4 passed, 0 failed', out) // three assertions and the linter
  t.equal(code, 0)
  t.match(out, /ok +test\/base\/b\.ts/)

  t.test('file and folder arguments narrow the run', async t => {
    t.equal(run(folder, 'test/base').last, '1 passed, 0 failed')
    t.equal(run(folder, 'lib/base/b.ts', 'test/a.ts').last, '3 passed, 0 failed')
    t.match(run(folder, 'test/nothing.ts'), { code: 1, last: '0 passed, 1 failed' })
  })

  t.test('--servers leaves out what has nothing to do with any', async t => {
    const servers = project(t, { plain: `${TAP}t.ok(1)`, direct: `${TAP}t.ok(1)`, indirect: `${TAP}t.ok(1)`, named: `${TAP}t.ok(1)` })
    const write = (path: string, text: string): void => writeFileSync(join(servers, path), text)
    mkdirSync(join(servers, 'test/helpers'))
    write('test/helpers/database.ts', 'export const d = 1\n')
    write('test/helpers/more.ts', "import { d } from './database.js'\nexport const m = d\n")
    write('test/direct.ts', "import { d } from './helpers/database.js'\nexport const x = d\n")
    write('test/indirect.ts', "import { m } from './helpers/more.js'\nexport const x = m\n")
    write('test/named.ts', "// needs Postgres' programs\nexport const x = 1\n")
    const { out, last } = run(servers, '--servers', 'test/plain.ts', 'test/direct.ts', 'test/indirect.ts', 'test/named.ts')
    t.equal(last, '3 passed, 0 failed', out)
    t.notMatch(out, /plain/)
  })

  t.test('a test that was not built fails', async t => {
    writeFileSync(join(folder, 'test/new.ts'), 'export const x = 1\n')
    t.match(run(folder), { code: 1, last: '4 passed, 1 failed', out: /test\/new\.ts: not built/ })
  })
})

t.test('a failure is shown with its sentence, its place and the difference', async t => {
  const folder = project(t, { a: `${TAP}t.test('Romeo is heard', async t => { t.ok(1); t.equal(1, 2, 'by Juliet') })` })
  const { code, out, last } = run(folder)
  t.equal(code, 1)
  t.equal(last, '2 passed, 1 failed')
  t.match(out, /FAILED .*a\.ts > Romeo is heard > by Juliet\n {2}at .*a\.js:2/)
  t.match(out, /-2\n\s*\+1/)
})

t.test('what fails outside of an assertion counts', async t => {
  const { code, last, out } = run(project(t, {
    'an-exception': `${TAP}t.test('x', async () => { throw new Error('boom') })`,
    'a-plan-not-kept': `${TAP}t.plan(2); t.ok(1)`,
    'an-exit-code': 'process.exit(3)',
    'no-assertion': TAP,
    'a-time-out': `${TAP}t.setTimeout(300); t.test('hangs', () => { setInterval(() => {}, 1000) })`,
  }))
  t.equal(code, 1)
  t.equal(last, '2 passed, 5 failed', out)
  for (const name of ['an-exception', 'a-plan-not-kept', 'an-exit-code', 'no-assertion', 'a-time-out']) t.match(out, new RegExp(`FAILED .*${name}`))
})

t.test('skips are loud: each reason with the tests it stopped', async t => {
  const folder = project(t, { a: `${TAP}t.test('on Postgres', { skip: 'no Postgres here' }, async t => { t.ok(1) })\nt.ok(1)`, b: `${TAP}t.plan(0, 'nothing today')` })
  const { code, out, last } = run(folder)
  t.equal(code, 0, out)
  t.equal(last, '2 passed, 0 failed, 2 skipped')
  t.match(out, /SKIPPED 1, because: no Postgres here\n.*a\.ts > on Postgres/)
  t.match(out, /because: nothing today\n.*b\.ts/)
})

t.test('what the linter finds fails the run', async t => {
  const folder = project(t, { a: `${TAP}t.ok(1)` })
  writeFileSync(join(folder, 'lib/y.ts'), 'export const y = (x: number): boolean => x === NaN\n')
  const { code, out, last } = run(folder)
  t.equal(code, 1)
  t.equal(last, '1 passed, 1 failed')
  t.match(out, /FAILED oxlint/)
})
