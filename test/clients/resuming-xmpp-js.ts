// @xmpp/client, unmodified, on TCP with STARTTLS, resumes by its own code after the server was killed without a warning, or
// was told to stop: that a stream ends with system-shutdown does not end the session (RFC 6120 §4.9.3.20, XEP-0198 §5).
import { join } from 'node:path'
import t from 'tap'
import { judge, threeKills } from '../helpers/kills.js'
import { ROOT } from '../helpers/root.js'

for (const how of ['kill', 'stop'] as const) {
  t.test(`two @xmpp/client lose nothing, get nothing twice, and do not see each other leave (${how})`, async (t) => {
    const story = await threeKills(t, (user, server) => ({
      command: [process.execPath, join(ROOT, 'test/clients/xmpp-js-resuming.mjs'), user, user === 'romeo' ? 'juliet' : 'romeo', String(server.c2s)],
      env: { NODE_EXTRA_CA_CERTS: server.ca },
    }), undefined, how)
    judge(story, (holds, what, evidence) => void t.ok(holds, holds ? what : `${what}: ${evidence}`))
  })
}
