// Messages put into the log without a server: for tests of what is made of them.
import { ARCHIVED, QUEUED } from '../../lib/core/ports.js'
import type { Db, Logged, Owner } from '../../lib/core/ports.js'
import { logStore } from '../../lib/store/log.js'
import { registerNode } from '../../lib/store/node.js'

let marks = 0

/** One batch a call; each message waits for `account`. @param as a node that is there already, or the id of one to be */
export const logAppender = async (db: Db, as: string | Owner = 'writer') => {
  const store = logStore(db, typeof as === 'string' ? await registerNode(db, as) : as, 'always')
  let n = 0
  let last: Promise<unknown> = Promise.resolve()
  return {
    store,
    append: (messages: readonly { account: string; sender: string; xml: string; at?: number }[]): Promise<readonly Logged[]> => {
      // a node has one batch under way at a time
      const done = last.then(() => store.commit({
        n: ++n, blob: '', mark: ++marks, at: messages[0]?.at ?? Date.now(),
        messages: messages.map(({ account, sender, xml }) => ({ receiver: account, sender, xml, received: QUEUED | ARCHIVED, sent: 0 })),
      }))
      last = done
      return done
    },
  }
}
