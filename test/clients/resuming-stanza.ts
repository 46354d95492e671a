// `stanza`, unmodified, on WebSocket, resumes by its own code after the server was killed without a warning.
import { join } from 'node:path'
import t from 'tap'
import { judge, threeKills } from '../helpers/kills.js'
import { ROOT } from '../helpers/root.js'

t.test('two stanza lose nothing, get nothing twice, and do not see each other leave', async (t) => {
  const story = await threeKills(t, (user, server) => ({
    command: [process.execPath, join(ROOT, 'test/clients/stanza-resuming.mjs'), user, user === 'romeo' ? 'juliet' : 'romeo', String(server.http)],
  }))
  judge(story, (holds, what, evidence) => void t.ok(holds, holds ? what : `${what}: ${evidence}`))
})
