// `chaos`: its flags, and what it refuses.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readFlags } from '../../lib/cli/chaos.js'
import { depsWith, jidway, memory } from '../helpers/commands.js'

t.test('one figure follows from the other', async (t) => {
  t.match(readFlags({}), { clients: 200, seconds: 60, messages: 30_000, kills: 10, database: 'embedded', target: null })
  t.match(readFlags({ seconds: '10' }), { seconds: 10, messages: 5000 })
  t.match(readFlags({ messages: '300000', kills: '50' }), { seconds: 600, messages: 300_000, kills: 50 })
  t.match(readFlags({ seconds: '100', messages: '300000' }), { seconds: 100, messages: 300_000 })
  t.same(readFlags({ faults: 'kill, cut' }).faults, new Set(['kill', 'cut']))
  t.equal(readFlags({ faults: 'none' }).faults.size, 0)
  t.same(readFlags({ target: '127.0.0.1:5222', register: 'x' }).target, { host: '127.0.0.1', port: 5222 })
})

t.test('wrong usage ends with 2 and says what is right', async (t) => {
  const file = join(t.testdir({}), 'few.csv')
  writeFileSync(file, 'romeo@localhost,secret\n')
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--clients', '0'], /--clients is '0'; it must be a number from 4 to/],
    [['--seconds', 'x'], /--seconds is 'x'/],
    [['--database', 'oracle'], /it must be embedded or postgres/],
    [['--faults', 'kill,flood'], /--faults names 'flood'; there are kill, freeze/],
    [['--kill', 'x'], /--kill and --start go together/],
    [['--accounts', file], /--accounts is for another server, with --target/],
    [['--target', '127.0.0.1:5222'], /--target needs --accounts FILE or --register COMMAND/],
    [['--target', 'localhost', '--accounts', file], /it must be HOST:PORT/],
    [['--target', 'xmpp.example.org:5222', '--accounts', file], /only servers on this machine/],
    [['--target', '127.0.0.1:1', '--accounts', file], /has 1 accounts; 200 clients need 120/],
    [['--target', '127.0.0.1:1', '--accounts', '/nowhere'], /\/nowhere cannot be read/],
    [['--clinets', '4'], /did you mean --clients\?/],
  ]
  for (const [args, message] of cases) {
    const { code, err, out } = await jidway(['chaos', ...args], depsWith(memory()))
    t.equal(code, 2, args.join(' '))
    t.match(err, message)
    t.equal(out, '')
    t.notMatch(err, /are kept in/, 'nothing was begun')
  }
})
