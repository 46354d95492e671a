// slixmpp, unmodified, resumes by its own code on another node after its own was killed without a warning.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { judge, threeKills, twoNodes } from '../helpers/kills.js'
import { NEEDS_NODES } from '../helpers/nodes.js'
import { ROOT } from '../helpers/root.js'

// Debian's, for which its package is
const PYTHON = '/usr/bin/python3'
const needs = { skip: spawnSync(PYTHON, ['-c', 'import slixmpp']).status === 0 ? NEEDS_NODES.skip : 'needs slixmpp: apt-get install python3-slixmpp' }

t.test('two slixmpp lose nothing, get nothing twice, and do not see each other leave', needs, async (t) => {
  const story = await threeKills(t, (user, server) => ({
    command: [PYTHON, join(ROOT, 'test/debian/slixmpp_resuming.py'), user, user === 'romeo' ? 'juliet' : 'romeo', String(server.c2s), server.ca],
  }), twoNodes)
  judge(story, (holds, what, evidence) => void t.ok(holds, holds ? what : `${what}: ${evidence}`))
})
