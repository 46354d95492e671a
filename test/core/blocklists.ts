// Block lists in memory: what is read of accounts without sessions, beside changes.
import t from 'tap'
import { makeBlocklists } from '../../lib/core/blocklists.js'
import { makeMembers } from '../../lib/core/members.js'
import type { BlockStore } from '../../lib/core/ports.js'

const BAD = 'bad@localhost'

/** @param reading what happens between the reading of lists and its answer */
const setUp = (reading: () => Promise<void>) => {
  const rows = new Map<string, readonly string[]>()
  let loads = 0
  const store: BlockStore = {
    load: async (accounts) => {
      if (++loads > 10) throw new Error('asked again and again')
      const found = new Map(accounts.flatMap((account) => (rows.has(account) ? [[account, rows.get(account) ?? []] as const] : [])))
      await reading()
      return found
    },
    add: async (account, jids) => {
      rows.set(account, [...rows.get(account) ?? [], ...jids])
      return rows.get(account) ?? []
    },
    remove: async () => [],
  }
  return { lists: makeBlocklists(makeMembers({ load: async () => new Map() }), store, () => {}, () => {}), loads: () => loads }
}

t.test('what others change while a list is read makes nobody wait', async (t) => {
  let n = 0
  const { lists, loads } = setUp(async () => void await lists.add(`other${++n}@localhost`, [BAD], 10, null))
  t.equal(await lists.of('juliet@localhost'), null)
  t.equal(loads(), 1)
})

t.test('a list that is changed while it is read is the changed one, then and later', async (t) => {
  const { lists } = setUp(async () => void await lists.add('juliet@localhost', [BAD], 10, null))
  t.same((await lists.of('juliet@localhost'))?.jids, [BAD])
  t.same((await lists.of('juliet@localhost'))?.jids, [BAD])
})
