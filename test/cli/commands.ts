// The command line: what is understood, what is refused and with which exit code.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { depsWith, jidway, memory } from '../helpers/commands.js'

t.test('version and help end with 0', async t => {
  const deps = depsWith(memory())
  t.same(await jidway(['--version'], deps), { code: 0, out: '1.2.3\n', err: '' })
  const { code, out } = await jidway(['help', 'start'], deps)
  t.equal(code, 0)
  t.match(out, /Where it runs:\n(.*\n)*.*--c2s-port <value>/)
  t.notMatch((await jidway(['user', 'add', '--help'], deps)).out, /--c2s-port/)
})

t.test('wrong usage ends with 2 and the nearest right word', async t => {
  const deps = depsWith(memory())
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['strat'], /unknown command 'strat'; did you mean start\?/],
    [['user', 'ad', 'romeo@localhost'], /unknown command 'ad'; did you mean add\?/],
    [['config', '--c2s-prot', '1'], /unknown option '--c2s-prot'; did you mean --c2s-port\?/],
    [['user', 'add', 'romeo@localhost', '--pasword', 'x'], /did you mean --password\?/],
    [['user', 'add'], /missing required argument 'jid'/],
    [['user', 'list', 'a', 'b'], /too many arguments/],
    [['config', '--c2s-port', '70000'], /c2s_port is '70000' \(from --c2s-port\)/],
    [['config', '--c2s-port'], /argument missing/],
    [['config', '--config', '/nowhere/x.toml'], /cannot be read/],
    [[], /Usage: jidway/],
  ]
  for (const [args, message] of cases) {
    const { code, err, out } = await jidway(args, deps)
    t.equal(code, 2, args.join(' '))
    t.match(err, message)
    t.equal(out, '', 'nothing on standard output, which a program may read')
  }
  const { code, err } = await jidway(['config'], deps, '', { JIDWAY_C2S_PROT: '1' })
  t.equal(code, 2)
  t.match(err, /unknown environment variable JIDWAY_C2S_PROT; did you mean JIDWAY_C2S_PORT\?/)
})

t.test('config tells each value and its source, and no password', async t => {
  const file = join(t.testdir({ 'my.toml': 'max_depth = 64\nadmin = ["a@localhost"]\n' }), 'my.toml')
  const env = { DATABASE_URL: 'postgres://jidway:geheim@db/x', JIDWAY_C2S_TLS_PORT: '' }
  const args = ['config', '--config', file, '--insecure-loopback', '--http-port=0']
  const { code, out } = await jidway(args, depsWith(memory()), '', env)
  t.equal(code, 0)
  t.match(out, /max_depth +64 +from max_depth in my\.toml/)
  t.match(out, /database_url +postgres:\/\/jidway:\*\*\*@db\/x +from DATABASE_URL/)
  t.match(out, /c2s_tls_port +off +from JIDWAY_C2S_TLS_PORT/)
  t.match(out, /insecure_loopback +on +from --insecure-loopback/)
  t.match(out, /http_port +0 +from --http-port/)
  t.match(out, /admin +a@localhost .*NOT IN EFFECT/)
  const json = await jidway([...args, '--json'], depsWith(memory()), '', env)
  t.match(JSON.parse(json.out), {
    max_depth: { value: 64, source: 'max_depth in my.toml', inEffect: true },
    c2s_tls_port: { value: null },
    c2s_port: { value: 5222, source: 'default' },
    insecure_loopback: { value: true },
    admin: { inEffect: false },
  })
  t.notMatch(out + json.out, /geheim/)
})

t.test('a broken jidway.toml is named with its line', async t => {
  const file = join(t.testdir({}), 'my.toml')
  writeFileSync(file, 'c2s_port = \n')
  const { code, err } = await jidway(['config', '--config', file], depsWith(memory()))
  t.equal(code, 2)
  t.match(err, /my\.toml: Invalid TOML document.*\n\n1: /)
})

t.test('a reader that has heard enough is no error', async t => {
  const { status, stderr } = spawnSync('bash', ['-c', `"${process.execPath}" dist/routes/main.js config | head -1 >&2; exit "\${PIPESTATUS[0]}"`], { encoding: 'utf8' })
  t.equal(status, 0)
  t.equal(stderr.trim().split('\n').length, 1, stderr)
})
