// A client that does not read what it is sent: presence is the last value of each full JID, so it is kept back and replaced;
// everything else arrives, behind it. Over real sockets, whose buffers in the kernel are full first.
import type { Element } from 'ltx'
import t from 'tap'
import type { RawClient } from '../helpers/client.js'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const MIB = 1024 * 1024
const FILL = 'x'.repeat(30_000)
const numberOf = (e: Element): number => Number(e.getChild('status')?.attrs['n'] ?? -1)
const say = (n: number): string => `<presence to='romeo@localhost/phone'><status n='${n}'>${FILL}</status></presence>`

/** Romeo has stopped reading, and the server's buffer for him is nearly a quarter full. `sent`: how many presences that took. */
const stalled = async (server: TestServer): Promise<{ romeo: RawClient; juliet: RawClient; sent: number; buffered: () => number }> => {
  const romeo = await server.login('romeo', 'phone')
  await romeo.presence()
  romeo.socket.pause()
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  const { outlet } = [...server.sessions.all()].find((s) => s.account === 'romeo@localhost') as { outlet: unknown }
  const buffered = (): number => (outlet as { link: { buffered(): number } }).link.buffered()
  let sent = 0
  while (buffered() < 0.9 * MIB) {
    for (let i = 0; i < 20; i++) juliet.send(say(++sent))
    await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
    if (sent > 5000) throw new Error('the buffer does not fill')
  }
  return { romeo, juliet, sent, buffered }
}

t.test('of the presence that a slow reader has not read, the last is kept; a message goes out behind it', async (t) => {
  const server = await testServer(t, { writeBufferBytes: 4 * MIB })
  const { romeo, juliet, sent, buffered } = await stalled(server)
  const full = buffered()
  // three times what the write buffer would take
  const last = sent + Math.ceil(12 * MIB / FILL.length)
  for (let n = sent + 1; n <= last; n++) {
    juliet.send(say(n))
    if (n % 100 === 0) await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  }
  await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  t.ok(buffered() - full < 2 * FILL.length, 'nothing more waits to be written')
  juliet.send('<message to=\'romeo@localhost/phone\' type=\'chat\'><body>hello</body></message>')
  await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  juliet.send(say(last + 1))
  await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  const before = romeo.elements.length
  romeo.socket.resume()
  await romeo.next((e) => numberOf(e) === last + 1)
  const got = romeo.elements.slice(before)
  const numbers = got.filter((e) => e.name === 'presence').map(numberOf)
  t.ok(numbers.every((n, i) => i === 0 || n > (numbers[i - 1] as number)), 'none is reordered')
  t.ok(numbers.length < sent + 100, `${numbers.length} of ${last + 1} presences were written`)
  t.same(got.slice(-3).map((e) => e.getChildText('body') ?? numberOf(e)), [last, 'hello', last + 1])
  t.notOk(server.logged.some((line) => /does not read/.test(line.msg)), 'the connection lives')
  juliet.send(say(last + 2) + say(last + 3))
  await romeo.next((e) => numberOf(e) === last + 2)
  await romeo.next((e) => numberOf(e) === last + 3)
  t.pass('who reads again gets all as it comes')
})

t.test('D13: messages that a slow reader has not read stay in the log, its connection lives, and it gets them when it reads', async (t) => {
  const server = await testServer(t, { writeBufferBytes: 4 * MIB })
  const { romeo, juliet, buffered } = await stalled(server)
  const full = buffered()
  const n = 300
  for (let i = 0; i < n; i++) {
    juliet.send(`<message to='romeo@localhost/phone' type='chat' id='m${i}'><body>${FILL}</body></message>`)
    if (i % 20 === 0) await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  }
  await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  t.equal(server.sessions.size, 2)
  t.ok(buffered() - full < 1.5 * MIB, `${buffered() - full} octets more wait to be written, of ${n * FILL.length}`)
  romeo.socket.resume()
  await romeo.next((e) => e.attrs['id'] === `m${n - 1}`)
  t.same(romeo.elements.filter((e) => e.name === 'message').map((e) => e.attrs['id']), Array.from({ length: n }, (_, i) => `m${i}`), 'once, and in order')
  t.notOk(server.logged.some((line) => /does not read/.test(line.msg)))
})

t.test('what cannot be replaced, and is not of the log, ends the connection of who does not read it', async (t) => {
  const server = await testServer(t, { writeBufferBytes: 4 * MIB })
  const { romeo, juliet } = await stalled(server)
  for (let i = 0; i < 300 && server.sessions.size === 2; i++) {
    juliet.send(`<message to='romeo@localhost/phone' type='headline'><body>${FILL}</body></message>`)
    if (i % 20 === 0) await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  }
  await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  t.ok(server.logged.some((line) => /does not read/.test(line.msg)))
  romeo.socket.resume()
  await romeo.ended
})

t.test('a client that reads, and has much to acknowledge, holds up nobody, and presence comes to it', async (t) => {
  const server = await testServer(t, { writeBufferBytes: 4 * MIB })
  const romeo = await server.login('romeo', 'phone')
  const juliet = await server.login('juliet', 'balcony')
  romeo.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
  await romeo.next((e) => e.name === 'enabled')
  // a session that has just been bound and is not available looks first whether mail waits; what comes meanwhile has its own bound
  await romeo.presence()
  for (let i = 0; i < 60; i++) juliet.send(`<message to='romeo@localhost/phone' type='headline'><body>${FILL}</body></message>`)
  for (let i = 0; i < 60; i++) await romeo.next((e) => e.name === 'message')
  juliet.send(say(7))
  t.equal((await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')).attrs['type'], 'result')
  t.ok(await romeo.next((e) => numberOf(e) === 7))
})

t.test('an inactive client that is slow too stays inactive when it has caught up', async (t) => {
  const server = await testServer(t, { writeBufferBytes: 4 * MIB })
  const { romeo, juliet } = await stalled(server)
  romeo.send('<inactive xmlns=\'urn:xmpp:csi:0\'/>')
  await new Promise((resolve) => setTimeout(resolve, 50))
  juliet.send(say(1_000_000))
  await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  romeo.socket.resume()
  await romeo.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  t.ok(romeo.elements.some((e) => numberOf(e) === 1_000_000), 'what was held came before the answer')
  juliet.send(say(1_000_001))
  await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.notOk(romeo.elements.some((e) => numberOf(e) === 1_000_001), 'and what comes now waits')
})

t.test('D13: more waits at a log-in than a write buffer takes: all of it comes, with and without stream management', async (t) => {
  const server = await testServer(t, { writeBufferBytes: MIB, maxStanzaBytes: 256 * 1024 })
  const n = 60
  for (const managed of [false, true]) {
    const juliet = await server.login('juliet', 'balcony')
    for (let i = 0; i < n; i++) juliet.send(`<message to='romeo@localhost' type='chat' id='m${i}'><body>${FILL.repeat(3)}</body></message>`)
    await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
    await juliet.close()
    const romeo = await server.login('romeo', 'phone')
    if (managed) {
      let counted = 0
      romeo.send('<enable xmlns=\'urn:xmpp:sm:3\' resume=\'true\'/>')
      await romeo.next((e) => e.name === 'enabled')
      const { push } = romeo.elements
      Object.assign(romeo.elements, { push: (e: Element) => {
        if (e.name === 'r') romeo.send(`<a xmlns='urn:xmpp:sm:3' h='${counted}'/>`)
        else if (['message', 'presence', 'iq'].includes(e.name)) counted++
        return push.call(romeo.elements, e)
      } })
    }
    romeo.send('<presence/>')
    await romeo.next((e) => e.attrs['id'] === `m${n - 1}`)
    t.same(romeo.elements.filter((e) => e.name === 'message').map((e) => e.attrs['id']), Array.from({ length: n }, (_, i) => `m${i}`), 'once, and in order')
    await romeo.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
    await new Promise((resolve) => setTimeout(resolve, 1500)) // until the last is asked for
    await romeo.close()
    const again = await server.login('romeo', 'phone')
    await again.presence()
    await again.nothing((e) => e.name === 'message')
    await again.close()
  }
  t.notOk(server.logged.some((line) => /does not read/.test(line.msg)))
})
