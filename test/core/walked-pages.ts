import t from 'tap'
import { noteGiven, takeProved } from '../../lib/core/walked-pages.js'
import { recordingSession } from '../helpers/core.js'

t.test('a page is proved once, by the session that was given it', async (t) => {
  const [a, b] = [recordingSession('romeo@localhost/a'), recordingSession('romeo@localhost/b')]
  noteGiven(a, 'x', [1, 2])
  t.same(takeProved(b, 'x'), [])
  t.same(takeProved(a, 'y'), [])
  t.same(takeProved(a, 'x'), [1, 2])
  t.same(takeProved(a, 'x'), [])
})

t.test('pages that end with the same entry are proved together', async (t) => {
  const session = recordingSession('romeo@localhost/a')
  noteGiven(session, 'x', [1, 2, 3])
  noteGiven(session, 'x', [3])
  noteGiven(session, 'y', [])
  t.same(takeProved(session, 'x'), [1, 2, 3])
  t.same(takeProved(session, 'y'), [])
})

t.test('the latest sixteen are remembered; what was on others waits on', async (t) => {
  const session = recordingSession('romeo@localhost/a')
  for (let i = 0; i < 18; i++) noteGiven(session, `p${i}`, [i])
  noteGiven(session, 'p2', [99])
  noteGiven(session, 'new', [])
  t.same(['p0', 'p1', 'p2', 'p3', 'p4', 'p17'].map((id) => takeProved(session, id)), [[], [], [2, 99], [], [4], [17]])
})
