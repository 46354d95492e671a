// Ten thousand sockets that never log in (issue 3, "It must show", 4): others are served meanwhile, and every one is reaped.
import { execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { rawClient } from '../helpers/client.js'
import { testServer } from '../helpers/server.js'

const HELPER = fileURLToPath(new URL('../helpers/idle-sockets.js', import.meta.url))
/** Node raises its own bound to the hard one; some are needed for other things. */
const DESCRIPTORS = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })) || 10_000
const SOCKETS = Math.min(10_000, DESCRIPTORS - 500)

t.test(`${SOCKETS} sockets that never authenticate: others are served, all of them are reaped, and none is counted in the end`, async (t) => {
  const server = await testServer(t, { authTimeout: 30, maxUnauthenticated: 12_000 })
  const before = process.memoryUsage().rss
  const child = spawn(process.execPath, [HELPER, String(server.c2s), String(SOCKETS)], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const start = Date.now()
  t.equal((await lines.next()).value, `opened ${SOCKETS}`)
  t.comment(`opened in ${Date.now() - start} ms`)
  // the kernel completes handshakes before they are accepted; on a busy machine the first may be reaped by then
  let most = 0
  while ((most = Math.max(most, server.gate.unauthenticated)) < SOCKETS && Date.now() - start < 28_000) await new Promise((resolve) => setTimeout(resolve, 20))
  t.ok(most > SOCKETS * 0.5, `${most} were there at once`)
  const asked = performance.now()
  const romeo = await server.login('romeo', 'orchard')
  await romeo.presence()
  const juliet = await server.login('juliet')
  juliet.send('<message to=\'romeo@localhost/orchard\' type=\'chat\'><body>still here?</body></message>')
  t.equal((await romeo.next((e) => e.name === 'message')).getChildText('body'), 'still here?')
  t.ok(performance.now() - asked < 2000, `two log-ins and a message took ${(performance.now() - asked).toFixed(0)} ms`)
  t.ok((process.memoryUsage().rss - before) / SOCKETS < 32 * 1024, `${((process.memoryUsage().rss - before) / SOCKETS / 1024).toFixed(1)} KiB each`)
  t.equal((await lines.next()).value, 'over', 'each was closed')
  for (let i = 0; i < 200 && server.gate.connections > 2; i++) await new Promise((resolve) => setTimeout(resolve, 50))
  t.same([server.gate.connections, server.gate.unauthenticated], [2, 0])
  await romeo.presence()
})

t.test('where all places for strangers are taken, a newcomer gets the place of the one who has had his for longest', async (t) => {
  const server = await testServer(t, { maxUnauthenticated: 10 })
  const idle = await Promise.all(Array.from({ length: 10 }, () => rawClient(server.c2s, { localAddress: '127.0.0.2' })))
  const romeo = await server.login('romeo')
  await romeo.presence()
  await Promise.any(idle.map((client) => client.ended))
  t.equal(server.gate.unauthenticated, 9, 'one of them had to go; who has logged in is none of them')
  for (const client of idle) client.destroy()
})
