// @xmpp/client, unmodified, resumes by its own code on another node after its own was killed without a warning.
import { join } from 'node:path'
import t from 'tap'
import { judge, threeKills, twoNodes } from '../helpers/kills.js'
import { NEEDS_NODES } from '../helpers/nodes.js'
import { ROOT } from '../helpers/root.js'

t.test('two @xmpp/client lose nothing, get nothing twice, and do not see each other leave', NEEDS_NODES, async (t) => {
  const story = await threeKills(t, (user, server) => ({
    command: [process.execPath, join(ROOT, 'test/clients/xmpp-js-resuming.mjs'), user, user === 'romeo' ? 'juliet' : 'romeo', String(server.c2s)],
    env: { NODE_EXTRA_CA_CERTS: server.ca },
  }), twoNodes)
  judge(story, (holds, what, evidence) => void t.ok(holds, holds ? what : `${what}: ${evidence}`))
})
