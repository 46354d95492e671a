// `user …`: in the database itself, or through the server that owns the data folder.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { handlersOf } from '../../lib/cli/access.js'
import { controlServer } from '../../lib/cli/control.js'
import { defaultSettings } from '../../lib/base/config.js'
import { generatePassword } from '../../lib/cli/password.js'
import { depsWith, jidway, memory } from '../helpers/commands.js'

const key = (password: string): unknown => [{ key: Buffer.from(`${password}/10000`) }]

t.test('accounts are added, changed, listed and deleted', async t => {
  const store = memory()
  const at = ['--data', t.testdir({})]
  const user = (...args: string[]): ReturnType<typeof jidway> => jidway(['user', ...args, ...at], depsWith(store))
  t.same(await user('add', 'Romeo@localhost', '--password', 'a'), { code: 0, out: 'romeo@localhost added\n', err: '' })
  t.same(store.kept.get('romeo@localhost'), key('a'))
  t.match(await user('add', 'romeo@localhost', '--password', 'b'), { code: 1, err: /is there already/ })
  t.same(store.kept.get('romeo@localhost'), key('a'), 'the password is as it was')
  t.match(await user('passwd', 'romeo@localhost', '--password', 'c'), { code: 0 })
  t.same(store.kept.get('romeo@localhost'), key('c'))
  await user('add', 'juliet@localhost', '--password', 'a')
  t.equal((await user('list')).out, 'juliet@localhost\nromeo@localhost\n')
  t.equal((await user('list', 'romeo@localhost')).out, 'romeo@localhost\n')
  t.equal((await user('list', 'localhost', '--json')).out, '{"jid":"juliet@localhost"}\n{"jid":"romeo@localhost"}\n')
  t.match(await user('del', 'romeo@localhost'), { code: 0, out: 'romeo@localhost deleted\n' })
  t.match(await user('del', 'romeo@localhost'), { code: 1, err: /there is no account romeo@localhost/ })
  t.match(await user('passwd', 'romeo@localhost', '--password', 'c'), { code: 1, err: /there is no account/ })
  t.equal(store.opened, store.closed, 'the database is closed whatever happened')
})

t.test('an address that is none, or of another domain, is wrong usage', async t => {
  const deps = depsWith(memory())
  const at = ['--data', t.testdir({})]
  t.match(await jidway(['user', 'add', 'romeo', '--password', 'x', ...at], deps), { code: 2, err: /did you mean romeo@localhost\?/ })
  t.match(await jidway(['user', 'add', 'a@b@c', '--password', 'x', ...at], deps), { code: 2, err: /is no account/ })
  t.match(await jidway(['user', 'add', 'a@other.example', '--password', 'x', ...at], deps), { code: 2, err: /not in a domain served here \(localhost\)/ })
  t.match(await jidway(['user', 'add', 'a@other.example', '--domain', 'localhost,other.example', '--password', 'x', ...at], deps), { code: 0 })
})

t.test('without --password the first line of standard input is it', async t => {
  const store = memory()
  const at = ['--data', t.testdir({})]
  t.match(await jidway(['user', 'add', 'romeo@localhost', ...at], depsWith(store), 'from stdin, with a comma \nmore\n'), { code: 0 })
  t.same(store.kept.get('romeo@localhost'), key('from stdin, with a comma '))
  for (const args of [[], ['--password', '']]) {
    t.match(await jidway(['user', 'add', 'juliet@localhost', ...args, ...at], depsWith(store), ''), { code: 2, err: /password/ })
  }
  t.match(await jidway(['user', 'add', 'juliet@localhost', ...at], depsWith(store), 'a\uFEFF\n'), { code: 2, err: /cannot be used: it holds U\+FEFF/ })
})

t.test('a generated password is printed, is the one that was set, and is never the same', async t => {
  const store = memory()
  const { out } = await jidway(['user', 'add', 'romeo@localhost', '--generate', '--json', '--data', t.testdir({})], depsWith(store))
  const { jid, password } = JSON.parse(out) as { jid: string; password: string }
  t.equal(jid, 'romeo@localhost')
  t.same(store.kept.get(jid), key(password))
  const many = Array.from({ length: 100 }, generatePassword)
  t.equal(new Set(many).size, 100)
  for (const one of many) t.match(one, /^\w{20}$/)
})

t.test('beside a running server everything goes through it, and a deleted account loses its sessions', async t => {
  const store = memory()
  const own = depsWith(store)
  const data = t.testdir({})
  const control = await controlServer({ data })
  t.teardown(() => control.close())
  control.serve(handlersOf(await own.startServer(defaultSettings())))
  const deps = depsWith(memory(), { openDatabase: () => Promise.reject(new Error('the database has an owner')) })
  const user = (...args: string[]): ReturnType<typeof jidway> => jidway(['user', ...args, '--data', data], deps)
  t.match(await user('add', 'romeo@localhost', '--password', 'a'), { code: 0, err: '' })
  t.same(store.kept.get('romeo@localhost'), key('a'))
  t.match(await user('passwd', 'romeo@localhost', '--password', 'b'), { code: 0 })
  t.same(store.kept.get('romeo@localhost'), key('b'))
  t.equal((await user('list')).out, 'romeo@localhost\n')
  t.match(await user('del', 'romeo@localhost'), { code: 0 })
  t.match(await user('del', 'romeo@localhost'), { code: 1 })
})

t.test('a command waits for another that has the embedded database, and never opens it beside it', async t => {
  const store = memory()
  const data = t.testdir({})
  const other = await controlServer({ data, serves: false })
  const waiting = jidway(['user', 'list', '--data', data], depsWith(store))
  await sleep(400)
  t.equal(store.opened, 0)
  await other.close()
  t.match(await waiting, { code: 0, err: '' })
  t.equal(store.opened, 1)
})

t.test('many commands at once all come to their end, one after the other', async t => {
  const store = memory()
  const data = t.testdir({})
  const all = await Promise.all(Array.from({ length: 8 }, (_, i) => jidway(['user', 'add', `user${i}@localhost`, '--password', 'x', '--data', data], depsWith(store))))
  t.same(all.map(({ code, err }) => ({ code, err })), all.map(() => ({ code: 0, err: '' })))
  t.equal(store.kept.size, 8)
  t.equal(store.atOnce, 1)
})

t.test('import creates every account of the file', async t => {
  const store = memory()
  const folder = t.testdir({ 'a.csv': 'jid,password\r\nROMEO@localhost,"a,b"\r\n\r\njuliet@localhost,"say ""hi"""\r\n' })
  const run = (): ReturnType<typeof jidway> => jidway(['user', 'import', join(folder, 'a.csv'), '--data', folder], depsWith(store))
  t.same(await run(), { code: 0, out: '2 accounts created\n', err: '' })
  t.same(store.kept.get('romeo@localhost'), key('a,b'))
  t.same(store.kept.get('juliet@localhost'), key('say "hi"'))
  t.same(await run(), { code: 0, out: '0 accounts created, 2 were there already and are left as they are\n', err: '' })

  t.test('also when there are many', async t => {
    writeFileSync(join(folder, 'many.csv'), Array.from({ length: 1001 }, (_, i) => `user${i}@localhost,pass${i}\n`).join(''))
    const { code, out } = await jidway(['user', 'import', join(folder, 'many.csv'), '--data', folder, '--json'], depsWith(store))
    t.equal(code, 0)
    t.same(JSON.parse(out), { created: 1001, there: 0, errors: [] })
    t.same(store.kept.get('user1000@localhost'), key('pass1000'))
    t.equal(store.kept.size, 1003)
  })
})

t.test('an import with a wrong line names each and does nothing', async t => {
  const store = memory()
  const folder = t.testdir({
    'a.csv': 'good@localhost,x\nnobody,x\na@other.example,x\nb@localhost\nc@localhost,\nd@localhost,x,y\n"e@localhost","x\ny"\nGOOD@localhost,z\n',
  })
  const { code, out, err } = await jidway(['user', 'import', join(folder, 'a.csv'), '--data', folder], depsWith(store))
  t.equal(code, 1)
  t.equal(out, '')
  for (const message of [
    /line 2: 'nobody' is no account/, /line 3: a@other\.example is not in a domain/, /line 4: b@localhost has no password/, /line 5: c@localhost has no/,
    /line 6: more than two fields/, /line 9: good@localhost is in line 1, too/, /nothing imported/,
  ]) t.match(err, message)
  t.equal(store.kept.size, 0)
  t.match(await jidway(['user', 'import', join(folder, 'none.csv')], depsWith(store)), { code: 2, err: /cannot be read/ })
})

t.test('a password that cannot be used fails its line, not the others', async t => {
  const store = memory()
  const folder = t.testdir({ 'a.csv': 'a@localhost,x\nb@localhost,\uFEFF\nc@localhost,x\n' })
  const { code, out, err } = await jidway(['user', 'import', join(folder, 'a.csv'), '--data', folder], depsWith(store))
  t.equal(code, 1)
  t.equal(out, '2 accounts created\n')
  t.match(err, /line 2: the password of b@localhost cannot be used: it holds U\+FEFF/)
  t.same([...store.kept.keys()], ['a@localhost', 'c@localhost'])
})
