// Messages put into the log without a server: for tests of what is made of them.
import { ARCHIVED, QUEUED } from '../../lib/core/ports.js'
import type { Db, Logged } from '../../lib/core/ports.js'
import { logStore } from '../../lib/store/log.js'
import { registerNode } from '../../lib/store/node.js'

let marks = 0

/** One batch a call; each message waits for `account`. */
export const logAppender = async (db: Db, id = 'writer') => {
  const store = logStore(db, await registerNode(db, id), 'always')
  let n = 0
  return {
    store,
    append: (messages: readonly { account: string; sender: string; xml: string; at?: number }[]): Promise<readonly Logged[]> => store.commit({
      n: ++n, blob: '', mark: ++marks, at: messages[0]?.at ?? Date.now(),
      messages: messages.map(({ account, sender, xml }) => ({ receiver: account, sender, xml, received: QUEUED | ARCHIVED, sent: 0 })),
    }),
  }
}
