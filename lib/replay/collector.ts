// At the end of a run, an account that messages are on their way to and that is not there logs in once more: what the server
// kept for it is not lost.
import { NS } from '../base/namespaces.js'
import type { Login } from '../client/wire.js'
import type { Inbox } from './judge.js'
import { makeSession } from './session.js'
import type { Session, Stage } from './session.js'

export const collector = (login: Login, inbox: Inbox, stage: Stage, id: string): Session => {
  const session = makeSession(login, stage, {
    ready: () => {
      session.expect(id, stage.now(), () => session.say('<presence/>'))
      session.say(`<iq type='set' id='${id}'><bind xmlns='${NS.bind}'/></iq>`)
    },
    managed: () => {}, presence: () => {}, answer: () => null, down: () => {},
  })
  session.open({ previd: null, handled: 0 }, inbox)
  return session
}
