// What nodes say to one another: it comes out as it went in, and whatever else comes is refused without an exception.
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { aloneOctets, decodeAnswer, decodeInvalidation, decodeRequest, encodeAnswer, encodeInvalidation, encodeRequest, REFUSAL, VERSION } from '../../lib/cluster/envelope.js'
import type { Handed, Invalidation, Reply, Request } from '../../lib/cluster/envelope.js'
import { toOctets } from '../../lib/base/octets.js'

const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const octets = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).latin1Slice())
const handed: fc.Arbitrary<Handed> = fc.record({ account: text, sessionId: text, xml: octets, kind: fc.constantFrom('message', 'presence', 'iq'), declared: fc.boolean() }, { noNullPrototype: true })
const request: fc.Arbitrary<Request> = fc.record({ deadline: fc.double({ noNaN: true, noDefaultInfinity: true }), items: fc.array(handed, { maxLength: 8 }) }, { noNullPrototype: true })
const generation = fc.maxSafeNat()
const reply: fc.Arbitrary<Reply> = fc.oneof(fc.constantFrom('accepted', 'refused', 'busy', 'unknown'), fc.record({ generation: fc.oneof(fc.constant(null), generation) }, { noNullPrototype: true }))
const invalidation: fc.Arbitrary<Invalidation> = fc.record({ node: text, epoch: generation, number: generation, changes: fc.array(fc.tuple(text, generation), { maxLength: 8 }) }, { noNullPrototype: true })
/** Nearly right: what was encoded, cut, lengthened, or with octets changed. */
const damaged = (right: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> => fc.tuple(right, fc.nat(), fc.nat(255), fc.constantFrom('cut', 'longer', 'change', 'noise')).map(([data, where, what, how]) => {
  const at = where % (data.length + 1)
  if (how === 'cut') return data.slice(0, at)
  if (how === 'longer') return Uint8Array.of(...data, what)
  if (how === 'noise') return Uint8Array.of(VERSION, ...data.slice(at))
  return data.map((octet, i) => (i === at ? what : octet))
})

t.test('what is encoded is decoded to the same', async (t) => {
  const same = <T>(made: fc.Arbitrary<T>, encode: (made: T) => Uint8Array, decode: (data: Uint8Array) => unknown): void =>
    fc.assert(fc.property(made, (value) => isDeepStrictEqual(decode(encode(value)), value)), { numRuns: 300 })
  same(request, encodeRequest, decodeRequest)
  same(fc.array(reply, { maxLength: 20 }), encodeAnswer, decodeAnswer)
  same(invalidation, encodeInvalidation, decodeInvalidation)
  t.pass('requests, answers, invalidations')
})

t.test('a stanza alone takes as many octets as are announced', async (t) => {
  fc.assert(fc.property(handed, (item) => encodeRequest({ deadline: 1, items: [item] }).length === aloneOctets(item)))
  t.equal(aloneOctets({ account: 'a'.repeat(65_536), sessionId: '', xml: '', kind: 'iq', declared: false }), Infinity, 'a length that has no room is not written')
  t.not(aloneOctets({ account: 'a'.repeat(65_535), sessionId: '', xml: '', kind: 'iq', declared: false }), Infinity)
})

t.test('whatever is damaged is refused, or is another message in the one form that it has; nothing throws', async (t) => {
  let [refused, read] = [0, 0]
  const check = <T>(data: fc.Arbitrary<Uint8Array>, decode: (data: Uint8Array) => T | null, encode: (made: T) => Uint8Array): void =>
    fc.assert(fc.property(data, (octets) => {
      const made = decode(octets)
      if (made === null) refused++
      else read++
      return made === null || Buffer.from(octets).equals(encode(made))
    }), { numRuns: 1000 })
  check(damaged(request.map(encodeRequest)), decodeRequest, encodeRequest)
  check(damaged(invalidation.map(encodeInvalidation)), decodeInvalidation, encodeInvalidation)
  check(damaged(fc.array(reply).map(encodeAnswer)), decodeAnswer, (made) => (made === 'refusal' ? REFUSAL : encodeAnswer(made)))
  t.ok(refused > 500 && read > 100, `${refused} refused, ${read} read`)
})

t.test('each malformed envelope by itself', async (t) => {
  const item: Handed = { account: 'juliet@localhost', sessionId: 's1', xml: '<message/>', kind: 'message', declared: false }
  const right = Buffer.from(encodeRequest({ deadline: 1000, items: [item] }))
  const changed = (at: number, ...octets: number[]): Buffer => {
    const copy = Buffer.from(right)
    copy.set(octets, at)
    return copy
  }
  t.not(decodeRequest(right), null)
  const wrong = {
    'empty': Buffer.alloc(0),
    'another version': changed(0, VERSION + 1),
    'the version that means refused': changed(0, 0),
    'a deadline that is no number': changed(1, 0x7f, 0xf8),
    'a deadline without an end': changed(1, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0),
    'more stanzas than there are': changed(9, 0xff, 0xff),
    'fewer stanzas than there are': changed(9, 0, 0),
    'a kind that does not exist': changed(11, 3),
    'a stanza longer than the message': changed(16, 0xff, 0xff, 0xff, 0xff),
    'an account that is no UTF-8': changed(20, 0xff),
  }
  for (const [name, data] of Object.entries(wrong)) t.equal(decodeRequest(data), null, name)
  t.equal(decodeAnswer(Buffer.of(VERSION, 0, 1, 6)), null, 'a code that does not exist')
  t.equal(decodeAnswer(Buffer.of(VERSION, 0, 1, 5, 0xc0, 0, 0, 0, 0, 0, 0, 0)), null, 'a generation below 0')
  t.equal(decodeAnswer(Buffer.of(0, 0)), null)
  t.equal(decodeAnswer(REFUSAL), 'refusal')
})

t.test('a view into a larger buffer is read by itself, as NATS hands it over', async (t) => {
  const made: Request = { deadline: 5, items: [{ account: 'ö@localhost', sessionId: 's', xml: toOctets('<message><body>ö</body></message>'), kind: 'message', declared: false }] }
  const data = encodeRequest(made)
  const around = Buffer.concat([Buffer.alloc(7, 0xff), data, Buffer.alloc(7, 0xff)])
  t.strictSame(decodeRequest(around.subarray(7, 7 + data.length)), made)
})
