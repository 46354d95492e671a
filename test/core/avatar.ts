import t from 'tap'
import type { Stanza } from '../../lib/base/stanza.js'
import { AVATAR_UPDATE, statingAvatar, withAvatar } from '../../lib/core/avatar.js'
import { frameOf } from '../../lib/wire/framer.js'
import { memoryStore, testCore } from '../helpers/core.js'

const HASH = '01b87fcd030b72895ff8e88db57ec525450f000d'
const x = (inner: string): string => (inner === '' ? `<x xmlns='${AVATAR_UPDATE}'/>` : `<x xmlns='${AVATAR_UPDATE}'>${inner}</x>`)
const photo = (hash: string): string => x(hash === '' ? '<photo/>' : `<photo>${hash}</photo>`)
const presence = (xml: string): Stanza => frameOf(xml) as Stanza

/** XEP-0398 §4 and XEP-0153 §4.1, row by row: what a client sent, and what goes out without and with an avatar. */
const ROWS: readonly (readonly [claim: string, sent: string, without: string, having: string])[] = [
  ['nothing said', '<presence/>', '<presence/>', `<presence>${photo(HASH)}</presence>`],
  ['nothing said, in a tag with attributes', "<presence id='1' />", "<presence id='1' />", `<presence id='1' >${photo(HASH)}</presence>`],
  ['nothing said, and no children', '<presence></presence>', '<presence></presence>', `<presence>${photo(HASH)}</presence>`],
  ['something else said', '<presence><show>away</show></presence >', '<presence><show>away</show></presence >', `<presence><show>away</show>${photo(HASH)}</presence >`],
  ['not ready to say', `<presence>${x('')}<show>away</show></presence>`, `<presence><show>away</show>${photo('')}</presence>`, `<presence><show>away</show>${photo(HASH)}</presence>`],
  ['no avatar, by the client\'s own word', `<presence>${photo('')}</presence>`, `<presence>${photo('')}</presence>`, `<presence>${photo('')}</presence>`],
  ['the same hash', `<presence>${photo(HASH)}<show/></presence>`, `<presence><show/>${photo('')}</presence>`, `<presence>${photo(HASH)}<show/></presence>`],
  ['the same hash in capitals', `<presence>${photo(HASH.toUpperCase())}</presence>`, `<presence>${photo('')}</presence>`, `<presence>${photo(HASH.toUpperCase())}</presence>`],
  ['another hash', `<presence><show/>${photo('aa')}<status/></presence>`, `<presence><show/><status/>${photo('')}</presence>`, `<presence><show/><status/>${photo(HASH)}</presence>`],
  ['another element of the namespace', `<presence><y xmlns='${AVATAR_UPDATE}'/></presence>`, `<presence><y xmlns='${AVATAR_UPDATE}'/></presence>`, `<presence><y xmlns='${AVATAR_UPDATE}'/>${photo(HASH)}</presence>`],
  ['several hashes', `<presence>${photo('aa')}<show/>${photo('bb')}</presence>`, `<presence><show/>${photo('')}</presence>`, `<presence><show/>${photo(HASH)}</presence>`],
]

t.test('what a client says of its avatar goes out as XEP-0398 wants it', async (t) => {
  for (const [claim, sent, without, having] of ROWS) {
    const stanza = presence(sent)
    for (const [hash, expected] of [['', without], [HASH, having]] as const) {
      const made = withAvatar(stanza, hash)
      t.equal(made.xml, expected, `${claim}, ${hash === '' ? 'no avatar' : 'an avatar'}`)
      if (expected === sent) t.equal(made, stanza, 'the same object: nothing was built')
      else t.same(made, frameOf(expected), 'framed as if it had been sent so')
    }
  }
})

t.test('what is stated is stated whatever was said before', async (t) => {
  for (const before of ['', x(''), photo(''), photo('aa'), photo('aa') + photo('bb')]) {
    const stanza = presence(before === '' ? '<presence/>' : `<presence>${before}</presence>`)
    for (const hash of ['', HASH]) t.equal(statingAvatar(stanza, hash).xml, `<presence>${photo(hash)}</presence>`)
  }
})

t.test('a stanza that declares its namespace keeps its declaration', async (t) => {
  const made = withAvatar(presence("<presence xmlns='jabber:client'/>"), HASH)
  t.equal(made.xml, `<presence xmlns='jabber:client'>${photo(HASH)}</presence>`)
  t.ok(made.declared)
})

t.test('an avatar that changes while a presence is being written is in that presence', async (t) => {
  const store = memoryStore(['romeo@localhost'])
  let wait = Promise.resolve()
  const core = testCore({ store, stores: { presence: { ...store.presence, save: async (rows) => {
    await wait
    return store.presence.save(rows)
  } } } })
  const romeo = await core.login('romeo@localhost/orchard')
  for (const priority of [1, 2]) {
    let write = (): void => {}
    wait = new Promise((resolve) => {
      write = resolve
    })
    const said = core.from(romeo, `<presence><priority>${priority}</priority></presence>`)
    await new Promise((resolve) => void setImmediate(resolve))
    const hash = String(priority).repeat(40)
    core.services.presence.restate('romeo@localhost', (before) => statingAvatar(before, hash))
    write()
    t.equal(await said, 'answered')
    const last = `<presence from='${romeo.jid.full}' to='romeo@localhost'><priority>${priority}</priority>${photo(hash)}</presence>`
    t.equal(romeo.got.at(-1)?.replace(/( to='[^']*')( from='[^']*')/, '$2$1'), last)
    await core.rows.idle(1000)
    t.ok(store.rows.get('romeo@localhost/orchard')?.presence?.includes(hash), 'and in its row')
  }
})
