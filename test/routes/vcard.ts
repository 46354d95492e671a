import { createHash } from 'node:crypto'
import t from 'tap'
import type { Element } from 'ltx'
import type { RawClient } from '../helpers/client.js'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const ASK = "<vCard xmlns='vcard-temp'/>"
const card = (inner: string): string => `<vCard xmlns='vcard-temp'>${inner}</vCard>`
const PICTURE = Buffer.from('a picture of Juliet')
const HASH = createHash('sha1').update(PICTURE).digest('hex')
const photo = (base64 = PICTURE.toString('base64')): string => `<PHOTO><TYPE>image/png</TYPE><BINVAL>${base64}</BINVAL></PHOTO>`
const UPDATE = 'vcard-temp:x:update'

/** What a presence says of the avatar: a hash, '' for none, null where it says nothing. */
const avatar = (presence: Element): string | null => presence.getChild('x', UPDATE)?.getChild('photo')?.getText() ?? null
const isPresence = (e: Element): boolean => e.name === 'presence'
const condition = (answer: Element): string => answer.getChild('error')?.getChildElements()[0]?.name ?? 'no error'

/** Romeo and Juliet see each other's presence. */
const friends = async (server: TestServer): Promise<void> => {
  const [romeo, juliet] = [await server.login('romeo'), await server.login('juliet')]
  for (const [one, other] of [[romeo, 'juliet'], [juliet, 'romeo']] as const) {
    one.send(`<presence type='subscribe' to='${other}@localhost'/>`)
    await one.presence()
  }
  for (const [one, other] of [[romeo, 'juliet'], [juliet, 'romeo']] as const) {
    one.send(`<presence type='subscribed' to='${other}@localhost'/>`)
    await one.presence()
  }
  for (const one of [romeo, juliet]) await one.close()
}

/** The presence that says no more than what was sent just now. */
const heard = async (client: RawClient, from: RawClient): Promise<Element> => client.next((e) => isPresence(e) && e.attrs['from'] === from.jid && e.attrs['type'] === undefined)

t.test('one\'s own vCard is empty at first, then what one has set, as a whole', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  for (const to of [undefined, 'romeo@localhost']) {
    const answer = await romeo.iq('get', ASK, to)
    t.equal(answer.attrs['type'], 'result')
    t.equal(answer.getChild('vCard', 'vcard-temp')?.children.length, 0, 'XEP-0054 §3.1')
    for (const name of ['Romeo', 'Ἔρως &amp; &lt;Co&gt;']) {
      const set = await romeo.iq('set', card(`<FN>${name}</FN><ORG><ORGNAME>Montague</ORGNAME></ORG>`), to)
      t.equal(set.attrs['type'], 'result')
      t.equal(set.children.length, 0)
    }
    const now = (await romeo.iq('get', ASK, to)).getChild('vCard', 'vcard-temp')
    t.equal(now?.getChildText('FN'), 'Ἔρως & <Co>')
    t.equal(now?.getChild('ORG')?.getChildText('ORGNAME'), 'Montague')
    await romeo.iq('set', ASK, to)
  }
})

t.test('anyone may read another\'s vCard, whether its owner is there or not', async (t) => {
  const server = await testServer(t)
  const juliet = await server.login('juliet')
  const romeo = await server.login('romeo')
  await juliet.iq('set', card('<FN>Juliet</FN>'))
  const read = async (): Promise<void> => {
    const answer = await romeo.iq('get', ASK, 'juliet@localhost')
    t.equal(answer.attrs['from'], 'juliet@localhost')
    t.equal(answer.getChild('vCard', 'vcard-temp')?.getChildText('FN'), 'Juliet')
  }
  await read()
  await juliet.presence()
  await read()
  await juliet.nothing((e) => e.name === 'iq' && e.attrs['type'] === 'get')
  await juliet.close()
  await read()
})

t.test('an account without a vCard, and one that does not exist, are answered alike', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  const answers = []
  for (const name of ['juliet', 'nobody']) {
    const answer = await romeo.iq('get', ASK, `${name}@localhost`)
    t.equal(condition(answer), 'service-unavailable', 'XEP-0054 §3.3')
    answers.push(String(answer).replaceAll(name, 'X').replace(/ id=["'][^"']*["']/, ''))
  }
  t.equal(answers[0], answers[1])
})

t.test('nobody sets another\'s vCard, and nothing of it becomes one\'s own', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  for (const name of ['juliet', 'nobody']) t.equal(condition(await romeo.iq('set', card('<FN>x</FN>'), `${name}@localhost`)), 'forbidden', 'XEP-0054 §3.2')
  t.equal((await romeo.iq('get', ASK)).getChild('vCard')?.children.length, 0)
  t.equal(condition(await romeo.iq('get', ASK, 'juliet@localhost')), 'service-unavailable')
})

t.test('a vCard that is too large is refused, and the one before stays', async (t) => {
  const server = await testServer(t, { vcardMaxBytes: 2000 })
  const romeo = await server.login('romeo')
  const sized = (bytes: number): string => card(`<FN>${'x'.repeat(bytes - card('<FN></FN>').length)}</FN>`)
  t.equal((await romeo.iq('set', sized(2000))).attrs['type'], 'result')
  t.equal(condition(await romeo.iq('set', sized(2001))), 'resource-constraint')
  t.equal((await romeo.iq('get', ASK)).getChild('vCard')?.getChildText('FN')?.length, sized(2000).length - card('<FN></FN>').length)
})

t.test('the server says that it keeps vCards', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  for (const to of ['localhost', 'romeo@localhost']) {
    const info = await romeo.iq('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", to)
    t.ok(info.getChild('query')?.getChildren('feature').some((f) => f.attrs['var'] === 'vcard-temp'))
  }
})

t.test('who has an avatar has its hash in every available presence, also in one sent to somebody', async (t) => {
  const server = await testServer(t)
  await friends(server)
  const romeo = await server.login('romeo', 'orchard')
  const juliet = await server.login('juliet', 'balcony')
  const mercutio = await server.login('mercutio', 'street')
  for (const client of [romeo, mercutio]) await client.presence()
  await juliet.presence('<show>away</show>')
  for (const client of [juliet, romeo]) t.equal(avatar(await heard(client, juliet)), null, 'nothing to say yet')
  await juliet.iq('set', card(photo()))
  for (const client of [juliet, romeo]) {
    const again = await heard(client, juliet)
    t.equal(avatar(again), HASH, 'told at once')
    t.equal(again.getChildText('show'), 'away', 'the rest is as it was')
  }
  await juliet.presence()
  for (const client of [juliet, romeo]) t.equal(avatar(await heard(client, juliet)), HASH)
  juliet.send("<presence to='mercutio@localhost'/>")
  t.equal(avatar(await heard(mercutio, juliet)), HASH, 'XEP-0398 §4')
  juliet.send("<presence to='mercutio@localhost' type='unavailable'/>")
  t.equal(avatar(await mercutio.next(isPresence)), null, 'an unavailable one says nothing')
  await mercutio.nothing(isPresence)
})

t.test('who comes later learns the hash, in another session and after another log-in', async (t) => {
  const server = await testServer(t)
  await friends(server)
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  await juliet.iq('set', card(photo()))
  const romeo = await server.login('romeo', 'orchard')
  await romeo.presence()
  t.equal(avatar(await heard(romeo, juliet)), HASH, 'a session that said it before')
  const hall = await server.login('juliet', 'hall')
  await hall.presence()
  t.equal(avatar(await heard(romeo, hall)), HASH, 'one that said it now')
  for (const client of [juliet, hall]) await client.close()
  const tomb = await server.login('juliet', 'tomb')
  await tomb.presence()
  t.equal(avatar(await heard(romeo, tomb)), HASH, 'the hash is read from the store')
})

t.test('another picture is told to all who see one of the account\'s sessions, the same picture to nobody', async (t) => {
  const server = await testServer(t)
  await friends(server)
  const romeo = await server.login('romeo', 'orchard')
  const juliet = await server.login('juliet', 'balcony')
  const hall = await server.login('juliet', 'hall')
  await romeo.presence()
  await heard(romeo, romeo)
  await juliet.presence()
  await hall.presence(`<x xmlns='${UPDATE}'/>`)
  t.equal(avatar(await heard(romeo, juliet)), null)
  t.equal(avatar(await heard(romeo, hall)), '', 'not ready to say, but the server knows: no avatar')
  const told = async (inner: string, hash: string): Promise<void> => {
    await juliet.iq('set', card(inner))
    for (const from of [juliet, hall]) t.equal(avatar(await heard(romeo, from)), hash)
  }
  await told(photo(), HASH)
  await told(photo(Buffer.from('another').toString('base64')), createHash('sha1').update('another').digest('hex'))
  await told(`<FN>Juliet</FN>${photo(PICTURE.toString('base64').replace(/.{4}/g, '$&\n '))}`, HASH) // XEP-0153 §4.6
  await juliet.iq('set', card(`<FN>Juliet Capulet</FN>${photo()}`))
  await romeo.nothing(isPresence)
  await told('<FN>Juliet</FN>', '')
  await juliet.iq('set', card('<PHOTO><EXTVAL>https://capulet.example/j.png</EXTVAL></PHOTO>'))
  await juliet.iq('set', card(photo('data:image/png;base64,AAAA')))
  await juliet.iq('set', card(photo('')))
  await romeo.nothing(isPresence)
  t.pass('what is no picture is no avatar')
})

t.test('a session that is not available says nothing when the avatar changes', async (t) => {
  const server = await testServer(t)
  await friends(server)
  const romeo = await server.login('romeo', 'orchard')
  await romeo.presence()
  await heard(romeo, romeo)
  const juliet = await server.login('juliet', 'balcony')
  await juliet.iq('set', card(photo()))
  await romeo.nothing(isPresence)
  await juliet.presence()
  t.equal(avatar(await heard(romeo, juliet)), HASH)
})

t.test('a client\'s own word: no avatar is left alone, another hash is put right', async (t) => {
  const server = await testServer(t)
  const juliet = await server.login('juliet', 'balcony')
  await juliet.iq('set', card(photo()))
  for (const [said, goesOut] of [['<photo/>', ''], [`<photo>${'ab'.repeat(20)}</photo>`, HASH], [`<photo>${HASH}</photo>`, HASH], ['', HASH]] as const) {
    await juliet.presence(`<x xmlns='${UPDATE}'>${said}</x>`)
    const presence = await heard(juliet, juliet)
    t.equal(avatar(presence), goesOut)
    t.equal(presence.getChildren('x', UPDATE).length, 1)
  }
})
