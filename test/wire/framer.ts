// The framer against an independent strict parser (test/helpers/oracle.ts), for streams made at random, broken at random and
// cut at random; then what its callers rely on: stop, restart, discard, limits, time and memory. Rules one by one: rules.ts.
import fc from 'fast-check'
import t from 'tap'
import { StreamError } from '../../lib/base/errors.js'
import type { Frame } from '../../lib/base/stanza.js'
import { Framer, frameOf } from '../../lib/wire/framer.js'
import type { FramerLimits, Header } from '../../lib/wire/framer.js'
import { dependence, disagreement, everyByte, frame, LIMITS } from '../helpers/agreement.js'
import { mutate, random, stream, writeStream } from '../helpers/generate.js'
import { used } from '../helpers/memory.js'
import { clients, sentStreams } from '../helpers/traces.js'

const RUNS = { seed: 20_251_124, numRuns: 1500 }
const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'>"

const must = (wrong: string, octets: Buffer): void => {
  if (wrong !== '') throw new Error(`${wrong}\n${JSON.stringify(octets.toString('latin1'))}`)
}
const cutsOf = (cuts: number[], octets: Buffer): number[] => cuts.map((cut) => cut % (octets.length + 1)).sort((a, b) => a - b)

t.test('every generated stream is accepted, and its frames say what the oracle reads in it', async (t) => {
  let stanzas = 0
  let rebuilt = 0
  fc.assert(fc.property(stream, (model) => {
    const octets = writeStream(model)
    const told = frame(octets)
    if (told.verdict === 'refused') throw new Error(`${told.condition}: ${octets.toString()}`)
    stanzas += told.frames.filter(({ kind }) => kind !== '').length
    rebuilt += told.frames.filter(({ kind, xml }) => kind !== '' && !octets.latin1Slice().includes(xml)).length
    must(disagreement(octets), octets)
  }), RUNS)
  t.ok(stanzas > 1000, `${stanzas} stanzas`)
  t.ok(rebuilt > 100, `${rebuilt} of them in another form than they were sent`)
})

t.test('a stream is judged the same however it is cut, byte by byte included', async () => {
  fc.assert(fc.property(stream, fc.array(fc.nat(4000), { maxLength: 20 }), (model, cuts) => {
    const octets = writeStream(model)
    must(dependence(octets, cutsOf(cuts, octets)), octets)
    must(dependence(octets, everyByte(octets)), octets)
  }), RUNS)
})

t.test('a mutated stream gets the verdict of the oracle, with the error that RFC 6120 §4.9.3 names, however it is cut', async (t) => {
  const seen = new Map<string, number>()
  fc.assert(fc.property(stream, fc.integer(), fc.array(fc.nat(4000), { maxLength: 20 }), (model, seed, cuts) => {
    const octets = mutate(writeStream(model), random(seed))
    const { verdict, condition } = frame(octets)
    seen.set(`${verdict} ${condition}`, (seen.get(`${verdict} ${condition}`) ?? 0) + 1)
    must(disagreement(octets), octets)
    must(dependence(octets, cutsOf(cuts, octets)), octets)
    must(dependence(octets, everyByte(octets)), octets)
  }), { ...RUNS, numRuns: 4000 })
  for (const verdict of ['open ', 'ended ', 'refused not-well-formed', 'refused restricted-xml', 'refused unsupported-encoding', 'refused bad-format']) {
    t.ok((seen.get(verdict) ?? 0) >= 10, `${verdict}: ${seen.get(verdict) ?? 0} times`)
  }
})

t.test('a mutated stream gets the verdict of the oracle under small limits too', async (t) => {
  const limits = fc.record({ bytes: fc.integer({ min: 100, max: 1000 }), depth: fc.integer({ min: 1, max: 5 }), attributes: fc.integer({ min: 1, max: 8 }), children: fc.integer({ min: 0, max: 5 }) })
  let refused = 0
  fc.assert(fc.property(stream, fc.integer(), limits, (model, seed, small) => {
    const octets = seed % 2 ? mutate(writeStream(model), random(seed)) : writeStream(model)
    if (frame(octets, small).condition === 'policy-violation') refused++
    must(disagreement(octets, small, false), octets)
    must(dependence(octets, everyByte(octets), small), octets)
  }), { ...RUNS, numRuns: 3000 })
  t.ok(refused > 500, `${refused} refused`)
})

t.test('what real clients sent is accepted with the same content, whole and byte by byte', async (t) => {
  for (const client of clients()) {
    for (const text of sentStreams(client)) {
      const octets = Buffer.from(text)
      t.equal(disagreement(octets), '', client)
      t.equal(dependence(octets, everyByte(octets)), '', `${client}, byte by byte`)
      t.not(frame(octets).verdict, 'refused')
    }
  }
})

/** A framer with all that it told, and a switch for `element`. */
const watched = (limits: FramerLimits = LIMITS, onElement: (f: Frame, framer: Framer) => boolean = () => true) => {
  const frames: Frame[] = []
  const headers: Header[] = []
  const told = { frames, headers, ends: 0, framer: null as unknown as Framer }
  told.framer = new Framer({
    header: (h) => { headers.push(h) },
    element: (f) => {
      frames.push(f)
      return onElement(f, told.framer)
    },
    end: () => { told.ends++ },
  }, limits)
  return told
}
/** The condition with which `work` is refused; '' where it is not. */
const refusal = (work: () => void): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof StreamError) return error.condition
    throw error
  }
  return ''
}
const ids = (frames: readonly Frame[]): string => frames.map(({ id }) => id).join(' ')
const write = (framer: Framer, text: string): void => framer.write(Buffer.from(text))

t.test('a sink that returns false gets nothing more until resume, and then everything in order', async (t) => {
  const one = watched(LIMITS, () => false)
  write(one.framer, `${HEADER}<iq id='1'/><iq id='2'/> <iq id='3'><a/></iq><iq id='4`)
  t.equal(ids(one.frames), '1')
  t.ok(one.framer.waiting > 0, 'says that octets wait')
  one.framer.resume()
  t.equal(ids(one.frames), '1 2')
  write(one.framer, `'/><iq id='5'/>`)
  t.equal(ids(one.frames), '1 2', 'what comes meanwhile waits too')
  for (let i = 0; i < 5; i++) one.framer.resume()
  t.equal(ids(one.frames), '1 2 3 4 5')
  t.ok(one.framer.idle)
  t.equal(one.framer.waiting, 0)

  const error = watched(LIMITS, () => false)
  write(error.framer, `${HEADER}<iq id='1'/></wrong>`)
  t.equal(refusal(() => error.framer.resume()), 'not-well-formed')
})

t.test('a stop at the last byte of a chunk holds what comes after', async (t) => {
  const one = watched(LIMITS, () => false)
  write(one.framer, `${HEADER}<iq id='1'/>`)
  write(one.framer, `<iq id='2'/>`)
  t.equal(ids(one.frames), '1')
  one.framer.resume()
  t.equal(ids(one.frames), '1 2')
})

t.test('a sink may restart the stream; the new header may be in the same chunk (RFC 6120 §4.3.3)', async (t) => {
  const one = watched(LIMITS, (f, framer) => {
    if (f.name === 'auth') framer.restart()
    return true
  })
  write(one.framer, `${HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>\n<?xml version='1.0'?><x:stream xmlns:x='http://etherx.jabber.org/streams' xmlns='jabber:client' to='é'><iq id='1'/></x:stream>`)
  t.equal(one.headers.length, 2)
  t.equal(one.headers[1]?.attributes.get('to'), 'é')
  t.equal(ids(one.frames), ' 1')
  t.equal(one.ends, 1)

  const two = watched()
  write(two.framer, HEADER)
  two.framer.restart()
  write(two.framer, `<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>`)
  t.equal(refusal(() => write(two.framer, '<message><p:x/></message>')), 'not-well-formed', 'prefixes of the old header are gone')
})

t.test('a sink may use another framer meanwhile', async (t) => {
  const other = watched()
  write(other.framer, HEADER)
  const one = watched(LIMITS, ({ id }) => {
    write(other.framer, `<iq id='${id}' a='' b='' c=''><x y=''><![CDATA[`)
    write(other.framer, ']]></x></iq>')
    return true
  })
  write(one.framer, `${HEADER}<iq id='1'/><iq id='2'><![CDATA[a]]></iq><iq id='3' xmlns:q='u' q:a=''><q:b/></iq></stream:stream>`)
  t.equal(ids(one.frames), '1 2 3')
  t.equal(ids(other.frames), '1 2 3')
  t.equal(one.ends, 1)
})

t.test('what was sent in clear behind <starttls/> does not count (RFC 6120 §5.4.3.3)', async (t) => {
  const inside = watched(LIMITS, (f, framer) => {
    if (f.name === 'starttls') t.ok(framer.discard(), 'there was something')
    return true
  })
  write(inside.framer, `${HEADER}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><iq id='evil'/><iq id='part`)
  t.equal(inside.frames.length, 1)
  t.ok(inside.framer.idle)
  inside.framer.restart()
  write(inside.framer, `${HEADER}<iq id='good'/>`)
  t.equal(inside.frames[1]?.id, 'good')

  const stopped = watched(LIMITS, () => false)
  write(stopped.framer, `${HEADER}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><iq id='evil'/>`)
  t.ok(stopped.framer.discard())
  stopped.framer.restart()
  stopped.framer.resume()
  write(stopped.framer, HEADER)
  t.equal(stopped.frames.length, 1)

  const partial = watched()
  write(partial.framer, `${HEADER}<iq id='evil`)
  t.ok(partial.framer.discard())
  t.ok(partial.framer.idle)
  t.notOk(partial.framer.discard(), 'nothing twice')
})

t.test('fragments stand by themselves: no header, no end of a stream (RFC 7395 §3.3)', async (t) => {
  const one = watched()
  one.framer.fragments()
  write(one.framer, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
  write(one.framer, "<message xmlns='jabber:client' id='1'/><message id='2'/>")
  t.same(one.frames.map(({ kind, ns }) => [kind, ns]), [['', 'urn:ietf:params:xml:ns:xmpp-framing'], ['message', 'jabber:client'], ['', '']])
  t.equal(refusal(() => write(one.framer, '</stream:stream>')), 'not-well-formed')
  const two = watched()
  two.framer.fragments('jabber:client')
  two.framer.restart()
  write(two.framer, '<message><body>hi</body></message>')
  t.equal(two.frames[0]?.kind, 'message')
})

t.test('between stanzas a framer holds nothing, nor after an error', async (t) => {
  const one = watched()
  t.ok(one.framer.idle)
  for (const [text, idle] of [[HEADER, true], ['<iq', false], [' id="1"/>', true], [' \n ', true], ['<', false], ['iq>', false], ['text', false], ['</iq>', true]] as const) {
    write(one.framer, text)
    t.equal(one.framer.idle, idle, JSON.stringify(text))
  }
  t.throws(() => write(one.framer, '<iq><a></b>'), StreamError)
  t.ok(one.framer.idle)
  t.throws(() => write(one.framer, "<iq id='2'/>"), StreamError, 'and nothing more is read')
  t.equal(one.frames.length, 2)
})

t.test('each limit holds exactly, and the one beyond it is a policy-violation, whole and byte by byte', async (t) => {
  const limits = { bytes: 300, depth: 4, attributes: 3, children: 5 }
  const of = (n: number, text: string): string => text.repeat(n)
  const body = (n: number): string => `<message>${'x'.repeat(n - '<message></message>'.length)}</message>`
  const cases: [string, (n: number) => string, number][] = [
    ['bytes', (n) => body(300 + n), 0],
    ['bytes of a tag', (n) => `<message a='${'x'.repeat(300 + n - 15)}'/>`, 0],
    ['depth', (n) => `${of(4 + n, '<a>')}${of(4 + n, '</a>')}`, 0],
    ['depth of an empty element', (n) => `${of(3 + n, '<a>')}<a/>${of(3 + n, '</a>')}`, 0],
    ['attributes', (n) => `<a${Array.from({ length: 3 + n }, (_, i) => ` a${i}=''`).join('')}/>`, 0],
    ['attributes of a child', (n) => `<a><b xmlns='u' xmlns:a='u'${Array.from({ length: 1 + n }, (_, i) => ` a${i}=''`).join('')}/></a>`, 0],
    ['children', (n) => `<a>${of(5 + n, '<b/>')}</a>`, 0],
    ['children, not their children', (n) => `<a>${of(5 + n, '<b><c/><c/></b>')}</a>`, 0],
  ]
  for (const [title, make] of cases) {
    for (const whole of [true, false]) {
      const tell = (n: number) => {
        const octets = Buffer.from(`${HEADER}${make(n)}<r/>`)
        return frame(octets, limits, whole ? [] : everyByte(octets))
      }
      t.equal(tell(0).frames.length, 2, `${title}: at the limit`)
      const beyond = tell(1)
      t.equal(beyond.condition, 'policy-violation', `${title}: one more`)
      t.equal(beyond.frames.length, 0)
    }
  }
  const header = (n: number): Buffer => Buffer.from(`<s xmlns:s='${'x'.repeat(n - 14)}'>`)
  t.equal(frame(header(300), limits).verdict, 'open', 'a header at the limit')
  t.equal(frame(header(301), limits).condition, 'policy-violation')
  t.equal(frame(header(301), limits, everyByte(header(301))).condition, 'policy-violation')
  t.equal(frame(Buffer.from(HEADER + ' '.repeat(1000) + '<r/>'), limits).frames.length, 1, 'white space between stanzas is no part of one')
})

t.test('what is wrong beyond the limit of bytes does not count, however the input is cut', async (t) => {
  const limits = { ...LIMITS, bytes: 200 }
  for (const tail of ['</b>', '<!-- -->', '&x;', '\u0001', '<b c=d>']) {
    const octets = Buffer.from(`${HEADER}<a>${'x'.repeat(220)}${tail}`)
    t.equal(frame(octets, limits).condition, 'policy-violation')
    t.equal(dependence(octets, everyByte(octets), limits), '')
  }
  const early = Buffer.from(`${HEADER}<a b=c ${'x'.repeat(220)}`)
  t.equal(frame(early, limits, everyByte(early)).condition, 'not-well-formed', 'what is wrong before it does, though the tag never ends')
})

t.test('other limits hold from the next element on', async (t) => {
  const strict = { bytes: 200, depth: 2, attributes: 5, children: 2 }
  const deep = '<a><b><c><d/></c></b></a>'
  const one = watched(strict)
  write(one.framer, `${HEADER}<a><b>`)
  one.framer.setLimits(LIMITS)
  t.equal(refusal(() => write(one.framer, '<c>')), 'policy-violation', 'not for one that has begun')
  const two = watched(strict, (f, framer) => {
    if (f.name === 'auth') framer.setLimits(LIMITS)
    return true
  })
  write(two.framer, `${HEADER}<auth/>${deep}<a><b><c>`)
  two.framer.setLimits(strict)
  write(two.framer, `</c></b></a><a/>`)
  t.equal(two.frames.length, 4)
  t.equal(refusal(() => write(two.framer, deep)), 'policy-violation')
})

t.test('single bytes take linear time, whatever they are of', async (t) => {
  const N = 262_144
  const wide = { bytes: 2 * N, depth: 10, attributes: 100_000, children: 1_000_000 }
  const long = 'x'.repeat(N)
  const white = ' '.repeat(N)
  const kinds: Record<string, string> = {
    'an attribute value': `${HEADER}<a b='${long}'/>`,
    'white space in a start tag': `${HEADER}<a ${white}/>`,
    'a name': `${HEADER}<a${long}/>`,
    'many attributes': `${HEADER}<a${Array.from({ length: 3000 }, (_, i) => ` a${i}='${'v'.repeat(70)}'`).join('')}/>`,
    'text': `${HEADER}<a>${long}</a>`,
    'text beyond ASCII': `${HEADER}<a>${'☕'.repeat(N / 3)}</a>`,
    'CDATA': `${HEADER}<a><![CDATA[${long}]]></a>`,
    'brackets in CDATA': `${HEADER}<a><![CDATA[${']'.repeat(N)}]]></a>`,
    'white space between stanzas': `${HEADER}${white}<a/>`,
    'white space in an end tag': `${HEADER}<a></a${white}>`,
    'the name of an end tag': `${HEADER}<a${'x'.repeat(N / 2)}></a${'x'.repeat(N / 2)}>`,
    'white space in the end of the stream': `${HEADER}<a/></stream:stream${white}>`,
    'references': `${HEADER}<a>${'&amp;'.repeat(N / 5)}</a>`,
    'references in a value': `${HEADER}<a b='${'&amp;'.repeat(N / 5)}'/>`,
    'children': `${HEADER}<a>${'<b/>'.repeat(N / 4)}</a>`,
    'the stream header': `<stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='${long}'><a/>`,
    'the XML declaration': `<?xml version='1.0'${white}?>${HEADER}<a/>`,
    'stanzas with prefixes of the header': `${HEADER}${"<iq><p:a/></iq>".repeat(N / 64)}`,
    'stanzas': `${HEADER}${"<iq id='1'/>".repeat(N / 12)}`,
  }
  for (const [kind, text] of Object.entries(kinds)) {
    const octets = Buffer.from(text)
    const one = watched(wide)
    const start = performance.now()
    for (let i = 0; i < octets.length; i++) one.framer.write(octets.subarray(i, i + 1))
    const ms = performance.now() - start
    t.ok(one.frames.length > 0, `${kind}: read`)
    // 256 Ki writes take 20 to 100 ms here; reading each again from its start is 34,000,000,000 steps, half a minute
    t.ok(ms < 4000, `${kind}: ${ms.toFixed(0)} ms`)
  }
})

t.test('a small stanza keeps nothing of a big chunk, nor an address anything of a big stanza', async (t) => {
  const one = watched()
  write(one.framer, HEADER)
  const kept: unknown[] = []
  const before = used()
  for (let i = 0; i < 300; i++) {
    const chunk = Buffer.allocUnsafeSlow(65_536).fill(0x20)
    chunk.write(`<message to='somebody-${i}@a-long-domain.example/resource' id='abcdefghijklmnop-${i}' type='type-of-a-message-${i}'><body-of-a-message-${i} xmlns='urn:example:a-long-namespace:${i}'/></message>`)
    one.framer.write(chunk)
  }
  kept.push([...one.frames])
  const after = used()
  t.ok(after.buffers - before.buffers < 1_000_000, `${after.buffers - before.buffers} octets in buffers`)
  // each may keep the stretch alive that it was cut from (plain-stanza.ts), 8 KiB
    t.ok(after.heap - before.heap < 300 * 8192 + 1_500_000, `${after.heap - before.heap} octets on the heap for 300 frames`)

  one.frames.length = 0
  const start = used()
  for (let i = 0; i < 200; i++) {
    write(one.framer, `<message to='somebody-${i}@a-long-domain.example/resource' from='é-somebody-else-${i % 2 ? '' : '&amp;'}-${i}@example' id='abcdefghijklmnop-${i}'><body>${'x'.repeat(100_000)}</body></message>`)
    const { to, from, id } = one.frames.pop() as Frame
    kept.push(to, from, id)
  }
  const end = used()
  t.ok(end.heap - start.heap < 1_000_000, `${end.heap - start.heap} octets on the heap for addresses of 200 big stanzas`)
  t.equal(kept.length, 601)
})

t.test('frameOf takes one whole element and nothing else', async (t) => {
  t.equal(frameOf("<message to='a'><body>hi</body></message>").kind, 'message')
  t.equal(frameOf("<message xmlns='jabber:client'/>").declared, true)
  for (const octets of ['', ' ', '<a/><b/>', '<a>', '<a', 'x', '<a/>x']) t.throws(() => frameOf(octets), StreamError, JSON.stringify(octets))
})
