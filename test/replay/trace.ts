// What is wrong with a trace is said with its line and what to do.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compile } from '../../lib/replay/script.js'
import { BOUNDS, loadTrace, readTrace } from '../../lib/replay/trace.js'

const HEADER = '{"t":0,"s":1,"dir":"in","xml":"<stream:stream to=\'x\'>"}'

t.test('each error names the line', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /x\.jsonl is empty; a trace has one JSON object a line/],
    [`${HEADER}\n\nhello`, /x\.jsonl, line 3: it is no JSON .*; each line is one object, like/],
    [`${HEADER}\n[1]`, /line 2: it is no JSON object/],
    [`${HEADER}\nnull`, /line 2: it is no JSON object/],
    ['{"t":-1,"s":1,"dir":"in","xml":"<a/>"}', /line 1: t is -1; it must be ms since the first item/],
    ['{"t":"0","s":1,"dir":"in","xml":"<a/>"}', /line 1: t is "0"/],
    ['{"t":0,"s":0,"dir":"in","xml":"<a/>"}', /line 1: s is 0; it must be the number of the connection/],
    ['{"t":0,"s":1,"dir":"up","xml":"<a/>"}', /line 1: dir is "up"; it must be "in" .* or "out"/],
    ['{"t":0,"s":1,"dir":"in"}', /line 1: xml is undefined; it must be the text of one item/],
    [`${HEADER}\n{"t":1,"s":1,"dir":"in","xml":"<a><b></a>"}`, /line 2: xml is not one whole item \(<\/a> closes <b>\); record it again, or leave the line out/],
    [`${HEADER}\n{"t":1,"s":1,"dir":"in","xml":"<a/><b/>"}`, /line 2: xml is not one whole item \(2 items in one line\)/],
    [`${HEADER}\n{"t":5,"s":1,"dir":"in","xml":"<a/>"}\n{"t":4,"s":1,"dir":"in","xml":"<a/>"}`, /line 3: t is 4, and line 2 of the same connection has 5; sort the lines by time/],
    ['{"t":0,"s":1,"dir":"in","xml":"<a/>"}', /line 1: connection 1 begins with <a\/>; the first item of a connection is its stream header/],
    [`${HEADER}\n{"t":1,"s":1,"dir":"in","xml":"${'x'.repeat(BOUNDS.lineBytes)}"}`, /line 2: more than \d+ bytes; leave this item out/],
    [Array.from({ length: BOUNDS.connections + 1 }, (_, i) => HEADER.replace('"s":1', `"s":${i + 1}`)).join('\n'), /line 1001: more than 1000 connections; cut the trace/],
  ]
  for (const [text, message] of cases) t.throws(() => readTrace('x.jsonl', text), { name: 'UsageError', message })
})

t.test('a connection that never logs in is no use', async (t) => {
  t.throws(() => compile(readTrace('x.jsonl', HEADER)), { name: 'UsageError', message: /x\.jsonl: no connection of it logs in/ })
})

t.test('a file that is not there, or too long', async (t) => {
  const folder = t.testdir({})
  await t.rejects(loadTrace(join(folder, 'none.jsonl')), { name: 'UsageError', message: /none\.jsonl cannot be read/ })
  const long = join(folder, 'long.jsonl')
  writeFileSync(long, Buffer.alloc(BOUNDS.fileBytes + 1))
  await t.rejects(loadTrace(long), { name: 'UsageError', message: /a trace has at most 67108864: cut it into several/ })
})

t.test('other members, empty lines and connections that overlap are fine', async (t) => {
  const { items } = readTrace('x.jsonl', `${HEADER.replace('"t":0', '"t":5,"note":"hi"')}\r\n\n${HEADER.replace('"s":1', '"s":2')}\n`)
  t.same(items.map(({ s, t: at, line }) => [s, at, line]), [[2, 0, 3], [1, 5, 1]])
})
