// How fast the framer is, against building the ltx tree of the same stanzas (design.md §3). Single thread, one run:
//   node dist/test/bench/framer.js [rounds]
// Prints stanzas a second of both and the ratio (medians over the rounds); the target is 4 on an idle machine.
import { parse } from 'ltx'
import { Framer } from '../../lib/wire/framer.js'
import { clients, sentElements } from '../helpers/traces.js'

const HEADER = "<stream:stream to='chat.test' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
const LIMITS = { bytes: 262_144, depth: 64, attributes: 64, children: 1024 }
/** About as much as a socket gives at once. */
const CHUNK = 65_536

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number

const stanzas = clients().flatMap(sentElements).filter((xml) => /^<(message|presence|iq)[\s/>]/.test(xml))
const text = stanzas.join('')
const bytes = Buffer.from(text)
const REPEAT = Math.ceil(20_000 / stanzas.length)

/** The tree's builder needs text, and gets each stanza by itself, its end already found. */
const packets = stanzas.map((xml) => Buffer.from(xml))
/** Both readers start from bytes, and both must find every stanza. */
const chunks: Buffer[] = []
for (let at = 0; at < bytes.length; at += CHUNK) chunks.push(bytes.subarray(at, at + CHUNK))

const expect = (found: number): void => {
  if (found !== stanzas.length * REPEAT) throw new Error(`found ${found} stanzas of ${stanzas.length * REPEAT}`)
}

const frames = (): number => {
  let found = 0
  const framer = new Framer({ header: () => {}, element: (frame) => { if (frame.kind !== '') found++; return true }, end: () => {} }, LIMITS)
  framer.write(Buffer.from(HEADER))
  const start = process.hrtime.bigint()
  for (let i = 0; i < REPEAT; i++) for (const chunk of chunks) framer.write(chunk)
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  expect(found)
  return found / seconds
}

const trees = (): number => {
  let found = 0
  const start = process.hrtime.bigint()
  for (let i = 0; i < REPEAT; i++) {
    for (const stanza of packets) if (parse(stanza.toString()) !== null) found++
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  expect(found)
  return found / seconds
}

const rounds = Number(process.argv[2] ?? 9)
const framed: number[] = []
const parsed: number[] = []
frames()
trees()
for (let i = 0; i < rounds; i++) {
  framed.push(frames())
  parsed.push(trees())
}
const [fast, slow] = [median(framed), median(parsed)]
console.log(`${stanzas.length} recorded stanzas, ${(bytes.length / stanzas.length).toFixed(0)} bytes each on average, ${rounds} rounds`)
console.log(`framer   ${fast.toFixed(0).padStart(9)} stanzas/s  ${(1e6 / fast).toFixed(2)} µs each`)
console.log(`ltx tree ${slow.toFixed(0).padStart(9)} stanzas/s  ${(1e6 / slow).toFixed(2)} µs each`)
console.log(`ratio    ${(fast / slow).toFixed(2)}`)
