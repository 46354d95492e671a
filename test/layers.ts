// The picture of the house: which folder may import which. Type-only imports count, for readers follow both. A new arrow
// is a change to this table, argued in its commit.
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { ROOT } from './helpers/root.js'

/** A room may import itself and the rooms named here. `lib` is lib/server.ts, `routes/*` the starters. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'lib/base': [],
  'lib/wire': ['lib/base'],
  'lib/core': ['lib/base', 'lib/wire'], // declares what it needs of store, bus and clock
  'lib/store': ['lib/base', 'lib/wire', 'lib/core'],
  'lib/cluster': ['lib/base', 'lib/core', 'lib/store'],
  'lib/net': ['lib/base', 'lib/wire', 'lib/core'],
  'lib/web': ['lib/base', 'lib/core'],
  'lib': ['lib/base', 'lib/wire', 'lib/core', 'lib/store', 'lib/cluster', 'lib/net', 'lib/web'],
  'lib/client': ['lib/base', 'lib/wire'], // one connection of a client; knows the server only from outside, as do its users
  'lib/chaos': ['lib/base', 'lib/wire', 'lib/client'],
  'lib/replay': ['lib/base', 'lib/wire', 'lib/client'],
  'lib/cli': ['lib/base', 'lib/wire', 'lib/core', 'lib/store', 'lib/client', 'lib/chaos', 'lib/replay', 'lib'], // commands: they start the server, or do without it
  'routes': ['lib/base', 'lib/core', 'lib/store'],
  'routes/starter': ['lib/base', 'lib/wire', 'lib/core', 'lib/store', 'lib/cluster', 'lib', 'lib/cli', 'routes'],
}
/** routes/main.ts, index.ts and embed.ts start the house; they see more of it. */
const STARTERS = new Set(['routes/main.ts', 'routes/index.ts', 'routes/embed.ts'])

type Sources = ReadonlyMap<string, string>

const roomOf = (file: string): string => (STARTERS.has(file) ? 'routes/starter' : dirname(file).split('/').slice(0, 2).join('/'))

/** Relative imports of a file: static, type-only, re-exports, dynamic, import types, and workers by URL. */
const importsOf = (file: string, source: string): string[] => {
  const code = source.replace(/^\s*\/\/.*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, '')
  const found = [...code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|new URL\(\s*)(['"])(\.[^'"]*)\1/g)]
  return found.map((m) => normalize(join(dirname(file), m[2] as string)).replace(/\.js$/, '.ts'))
}

const wrongArrows = (sources: Sources): string[] => [...sources].flatMap(([file, source]) => {
  const room = roomOf(file)
  const may = MAY_IMPORT[room]
  if (may === undefined) return [`${file} stands in no known room`]
  return importsOf(file, source).filter((target) => sources.has(target)).flatMap((target) => {
    const other = roomOf(target)
    // one route never imports another (design.md §4)
    const sibling = room === 'routes' && other === 'routes' && dirname(file) === 'routes'
    if (sibling) return [`${file} → ${target}: a route imports no other route`]
    return other === room || may.includes(other) ? [] : [`${file} → ${target}`]
  })
})

/** A circle of imports, as a path, or null. */
const circle = (sources: Sources): string[] | null => {
  const done = new Set<string>()
  const walk = (file: string, path: string[]): string[] | null => {
    const at = path.indexOf(file)
    if (at >= 0) return [...path.slice(at), file]
    if (done.has(file)) return null
    for (const target of importsOf(file, sources.get(file) as string)) {
      const found = sources.has(target) ? walk(target, [...path, file]) : null
      if (found !== null) return found
    }
    done.add(file)
    return null
  }
  for (const file of sources.keys()) {
    const found = walk(file, [])
    if (found !== null) return found
  }
  return null
}

const house = (): Sources => new Map(['lib', 'routes'].flatMap((top) =>
  readdirSync(join(ROOT, top), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name): [string, string] => [`${top}/${name}`, readFileSync(join(ROOT, top, name), 'utf8')])))

t.test('every import goes downwards', async (t) => {
  const sources = house()
  t.ok(sources.size > 40, 'the house was read')
  t.same(wrongArrows(sources), [])
})

t.test('no file is in a circle of imports, type imports included', async (t) => t.equal(circle(house()), null))

t.test('a planted upward import is found', async (t) => {
  const planted = new Map([...house(), ['lib/base/planted.ts', 'import type { Router } from \'../core/router.js\'']])
  t.same(wrongArrows(planted), ['lib/base/planted.ts → lib/core/router.ts'])
})

t.test('a planted route that imports another is found', async (t) => {
  const planted = new Map([...house(), ['routes/planted.ts', 'import { ping } from \'./ping.js\'']])
  t.same(wrongArrows(planted), ['routes/planted.ts → routes/ping.ts: a route imports no other route'])
})

t.test('a planted circle is found, also one of types only', async (t) => {
  const planted = new Map([...house(),
    ['lib/core/a.ts', 'import type { B } from \'./b.js\''], ['lib/core/b.ts', 'export type { A } from \'./a.js\'']])
  t.same(circle(planted), ['lib/core/a.ts', 'lib/core/b.ts', 'lib/core/a.ts'])
})
