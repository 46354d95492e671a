// `npm run bench` in small: every piece is measured, and measured against another commit.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from './helpers/root.js'

const bench = (...args: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(ROOT, 'dist/test/bench/micro.js'), '--rounds', '1', ...args], { encoding: 'utf8', timeout: 100_000 })

t.test('each piece takes some time', async (t) => {
  const { status, stdout, stderr } = bench('--json')
  t.equal(status, 0, stderr)
  const times = Object.entries(JSON.parse(stdout) as Record<string, number>)
  t.equal(times.length, 10)
  for (const [piece, ns] of times) t.ok(ns > 1 && ns < 1e6, `${piece}: ${ns} ns`)
})

t.test('against a commit: each piece with both times and their ratio', { skip: existsSync(join(ROOT, '.git')) ? false : 'no git repository here' }, async (t) => {
  const { stdout, stderr } = bench('--only', 'address', '--pairs', '1', '--against', 'HEAD')
  t.match(stdout, /^address, known +\d+ ns +\d+ ns +\d+\.\d\d /m, stdout + stderr)
  t.match(stdout, /slower than at [0-9a-f]{7,}\n$/)
})

t.test('what cannot be measured is told', async (t) => {
  for (const [args, wrong] of [[['--only', 'nothing'], /no piece has 'nothing' in its name; there are: framer/], [['--rounds', 'few'], /--rounds must be a whole number/], [['--against', 'nowhere'], /nowhere/]] as const) {
    const { status, stderr } = bench(...args)
    t.not(status, 0)
    t.match(stderr, wrong)
  }
})
