// Which programs of Postgres are taken.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findPrograms } from '../../lib/chaos/postgres.js'

const installed = (root: string, path: string): string => {
  const folder = join(root, path)
  mkdirSync(folder, { recursive: true })
  for (const name of ['initdb', 'postgres']) writeFileSync(join(folder, name), '')
  return folder
}

t.test('a packaged installation goes before PATH, the newest version first', async (t) => {
  const root = t.testdir({})
  const local = installed(root, 'local')
  t.equal(findPrograms({ PATH: local }, [join(root, 'lib')]), local)
  installed(root, 'lib/9/bin')
  const newest = installed(root, 'lib/15/bin')
  t.equal(findPrograms({ PATH: local }, [join(root, 'lib')]), newest)
})

t.test('a link is followed; programs of two installations are never taken together', async (t) => {
  const root = t.testdir({})
  const [one, other] = [installed(root, 'one'), installed(root, 'other')]
  const links = (name: string, initdb: string, postgres: string): string => {
    mkdirSync(join(root, name))
    symlinkSync(join(initdb, 'initdb'), join(root, name, 'initdb'))
    symlinkSync(join(postgres, 'postgres'), join(root, name, 'postgres'))
    return join(root, name)
  }
  const mixed = links('mixed', one, other)
  t.equal(findPrograms({ PATH: `${mixed}:${links('links', one, one)}` }, []), one)
})
