// The routing benchmark in small: what it claims of our cache is measured, not written down, and what others lose is seen.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from './helpers/root.js'

const bench = (...args: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(ROOT, 'dist/test/bench/routing.js'), ...args], { encoding: 'utf8', timeout: 240_000 })

t.test('our cache against FIFO, no cache, and sessions for pairs, with users moving', { timeout: 250_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const svg = join(folder, 'routing.svg')
  const { status, stdout, stderr } = bench('--accounts', '2000', '--entries', '200', '--stanzas', '4000', '--moves', '20', '--svg', svg)
  t.equal(status, 0, stdout + stderr)
  const [, moving] = stdout.split('move; of 1,000 stanzas:')
  const lost = (name: string): number => Number(moving?.split('\n').find((line) => line.includes(name))?.trim().split(/ +/)[6])
  t.equal(lost('generation (logged)'), 0)
  t.equal(lost('invalidation (unlogged)'), 0)
  t.ok(lost('FIFO') > 10, stdout)
  t.ok(lost('SIP') > 10)
  t.match(readFileSync(svg, 'utf8'), /^<svg .*FIFO.*<\/svg>\n$/s)
})

t.test('a flag that is none is told', async (t) => {
  const { status, stderr } = bench('--accounts', 'many')
  t.not(status, 0)
  t.match(stderr, /--accounts must be a number/)
})
