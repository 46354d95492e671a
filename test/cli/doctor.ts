// `doctor`: what it finds, and that each finding that is not fine says what to do.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import t from 'tap'
import { defaultSettings } from '../../lib/base/config.js'
import { UsageError } from '../../lib/base/errors.js'
import { judgeDatabase, judgeDurability } from '../../lib/cli/doctor.js'
import { checkNats, judgeCluster } from '../../lib/cli/doctor-cluster.js'
import { checkCertificate, checkPorts } from '../../lib/cli/doctor-network.js'
import type { Finding } from '../../lib/cli/finding.js'
import { CLUSTER, depsWith, FACTS, jidway, memory } from '../helpers/commands.js'

const states = (findings: readonly Finding[]): Record<string, string> => Object.fromEntries(findings.map(({ about, state }) => [about, state]))
const OFF = ['--c2s-port=', '--c2s-tls-port=', '--http-port=', '--https-port=']

t.test('a healthy database has nothing to complain of', async t => {
  t.same([...new Set(judgeDatabase(FACTS, 500).map(({ state }) => state))], ['ok'])
})

t.test('each weakness of the database is found', async t => {
  const judged = (more: Partial<typeof FACTS>): Record<string, string> => states(judgeDatabase({ ...FACTS, ...more }, 0))
  t.match(judged({ fsync: false }), { fsync: 'warn' })
  t.match(judged({ synchronousCommit: 'off' }), { commit: 'warn' })
  t.match(judged({ fullPageWrites: false }), { pages: 'warn' })
  t.match(judged({ synchronousCommit: 'local' }), { commit: 'ok' })
  t.match(judged({ synchronousCommit: 'local', standbys: 1, synchronousStandbyNames: '*' }), { commit: 'warn', standby: 'ok' })
  t.match(judged({ standbys: 1 }), { standby: 'warn' })
  t.equal(judged({})['standby'], undefined)
  t.match(judged({ kind: 'postgres', tcpUserTimeout: 0 }), { network: 'warn' })
  t.equal(judged({ kind: 'postgres', tcpUserTimeout: 10_000 })['network'], undefined)
  t.match(judged({ schemaFound: 2 }), { schema: 'warn' })
  t.match(judged({ schemaFound: 4 }), { schema: 'fail' })
  t.match(judged({ now: -2000 }), { clock: 'warn' })
  t.match(judged({ now: 60_000 }), { clock: 'fail' })
  t.match(judged({ nodes: [{ id: 'a', age: 1, alone: true }] }), { nodes: 'ok' })
  const two = (age: number): { nodes: { id: string; age: number; alone: boolean }[] } => ({ nodes: [{ id: 'a', age: 1, alone: false }, { id: 'b', age, alone: false }] })
  t.match([judged(two(3)), judged(two(40))], [{ nodes: 'ok' }, { nodes: 'warn' }])
  t.match(judged({ nodes: [{ id: 'a', age: 1, alone: true }, { id: 'b', age: 2, alone: true }] }), { nodes: 'warn' })
})

t.test('a node among others: lease, NATS, what is handed over, routes', async t => {
  const settings = defaultSettings()
  const judged = (more: Partial<typeof CLUSTER>): Finding[] => judgeCluster({ ...CLUSTER, ...more }, settings)
  const routes = (more: Partial<typeof CLUSTER['routes']>): Finding | undefined => judged({ routes: { ...CLUSTER.routes, ...more } }).at(-1)
  t.match(judged({}), [
    { about: 'lease', state: 'ok', text: 'last renewed 2.0 s ago' }, { about: 'nats', state: 'ok', text: /connected; stanzas of up to 1044480 octets/ },
    { about: 'bus', state: 'ok', text: '1000 stanzas handed to other nodes, 5 of them not taken in time' },
    { about: 'routes', state: 'ok', text: '10 of at most 100 remembered, 98.0 % hits, 5.0 look-ups for 1,000 stanzas; none was found wrong in time' },
  ])
  t.match(states(judged({ renewed: 12_000 })), { lease: 'warn' })
  t.match(states(judged({ mayAct: false })), { lease: 'fail' })
  t.match(states(judged({ connected: false })), { nats: 'fail' })
  t.match(judged({ largest: 200_000 })[1], { about: 'nats', state: 'fail', text: /max_stanza_bytes/ })
  t.match(states(judged({ bus: { accepted: 900, unknown: 100 } })), { bus: 'warn' })
  t.match(states(judged({ bus: { accepted: 9, unknown: 1 } })), { bus: 'ok' }, 'too few to say')
  t.match(states(judged({ bus: { tooLarge: 1 } })), { bus: 'warn' })
  t.match(states(judged({ bus: { unknownVersions: 1 } })), { bus: 'warn' })
  t.match(routes({ stalest: 1500 }), { state: 'ok', text: /the oldest was 1\.5 s old/ })
  t.match(routes({ lookups: 2000, evicted: 1500 }), { state: 'warn', advice: /route_cache_entries/ })
  for (const { state, advice } of judged({ mayAct: false, connected: false, bus: { tooLarge: 1, unknownVersions: 1 } })) t.equal(advice === '', state === 'ok')
})

t.test('with NATS and no server that runs, NATS is asked; without NATS nothing is said of it', async t => {
  const natsUrl = 'nats://romeo:geheim@127.0.0.1:4222'
  t.same(await checkNats(defaultSettings(), depsWith(memory())), [])
  t.match(await checkNats(defaultSettings({ natsUrl }), depsWith(memory())), [{ about: 'nats', state: 'ok', text: /reachable/ }])
  t.match(await checkNats(defaultSettings({ natsUrl }), depsWith(memory(), { inspectNats: async () => 100_000 })), [{ state: 'fail', text: /max_payload/ }])
  const away = await checkNats(defaultSettings({ natsUrl }), depsWith(memory(), { inspectNats: () => Promise.reject(new UsageError('no connection to NATS at 127.0.0.1:4222')) }))
  t.match(away, [{ state: 'fail', advice: /NATS_URL/ }])
  t.notMatch(JSON.stringify(away), /geheim/)
})

t.test('a node is silent by its own lease', async t => {
  const nodes = [{ id: 'a', age: 1, alone: false }, { id: 'b', age: 40, alone: false }]
  t.match(states(judgeDatabase({ ...FACTS, nodes }, 0)), { nodes: 'warn' })
  t.match(states(judgeDatabase({ ...FACTS, nodes }, 0, 60)), { nodes: 'ok' })
})

t.test('of the embedded database it says what its data survives', async t => {
  const said = (fsync: boolean): string => judgeDatabase({ ...FACTS, fsync }, 0).find(({ about }) => about === 'fsync')!.text
  t.match(said(true), /survives a kill of the process, and a power cut as far as the disk/)
  t.match(said(false), /survives a kill of the process, but no power cut/)
})

t.test('a domain where an acknowledgement does not mean committed is warned of, and a name that is not served', async t => {
  t.match(judgeDurability(defaultSettings()), [{ state: 'ok', text: /means committed/ }])
  const domain = ['a.example', 'b.example']
  t.match(judgeDurability(defaultSettings({ domain, durability: { '*': 'routed', 'a.example': 'durable' } })), [{ state: 'warn', text: /routed for b\.example:/, advice: /durability = durable/ }])
  t.match(judgeDurability(defaultSettings({ domain, durability: { 'aa.example': 'durable' } })), [{ state: 'ok' }, { state: 'warn', text: /names aa\.example/ }])
})

t.test('every finding but a good one says what to do', async t => {
  const worst = { ...FACTS, fsync: false, fullPageWrites: false, synchronousCommit: 'off', standbys: 2, tcpUserTimeout: 0, schemaFound: 9, now: 1e9, nodes: [{ id: 'a', age: 1, alone: true }, { id: 'b', age: 2, alone: true }] }
  for (const { state, advice } of judgeDatabase(worst, 0)) t.equal(advice === '', state === 'ok')
})

t.test('a database that is away fails the command with advice', async t => {
  const deps = depsWith(memory(), { inspectDatabase: () => Promise.reject(new UsageError('connection refused')) })
  const env = { DATABASE_URL: 'postgres://jidway:geheim@127.0.0.1:1/x' }
  const { code, out } = await jidway(['doctor', '--data', t.testdir({}), ...OFF], deps, '', env)
  t.equal(code, 1)
  t.match(out, /^fail {2}database +connection refused\n +→ check DATABASE_URL/m)
  t.notMatch(out, /geheim/)
})

t.test('before the first start there is nothing to find and nothing is made', async t => {
  const deps = depsWith(memory(), { inspectDatabase: async () => null })
  const data = join(t.testdir({}), 'none')
  const { code, out, err } = await jidway(['doctor', '--json', '--data', data, ...OFF], deps)
  t.equal(code, 0, err)
  const findings = out.trimEnd().split('\n').map(line => JSON.parse(line) as Finding)
  t.ok(findings.every(({ state }) => state === 'ok'))
  t.match(findings.map(({ text }) => text).join('\n'), /none runs on this data folder[^]*none yet; it is made at the first start/)
})

t.test('certificates: names, expiry, key', async t => {
  const folder = t.testdir({})
  const pair = async (name: string, hosts: readonly string[]): Promise<{ cert: string; key: string }> => {
    const made = await generate([{ name: 'commonName', value: hosts[0]! }], {
      keyType: 'ec', extensions: [{ name: 'subjectAltName', altNames: hosts.map(value => ({ type: 2, value })) }],
    })
    const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
    writeFileSync(files.cert, made.cert)
    writeFileSync(files.key, made.private)
    return files
  }
  const one = await pair('one', ['capulet.example', 'xn--bcher-kva.example'])
  const two = await pair('two', ['capulet.example'])
  const check = (files: { cert: string; key: string; ca?: string }, domains: readonly string[], days = 0): Promise<Finding[]> =>
    checkCertificate({ ca: null, ...files }, domains, new Date(Date.now() + days * 86_400_000))
  t.same((await check(one, ['capulet.example', 'bücher.example'])).map(({ state }) => state), ['ok', 'ok'])
  t.match(await check(two, ['capulet.example', 'montague.example']), [{ state: 'fail', text: /does not name montague\.example/ }])
  t.match((await check(one, ['capulet.example'], 20_000)).at(-1), { state: 'fail', text: /expired on/ })
  const { validTo } = new (await import('node:crypto')).X509Certificate((await import('node:fs')).readFileSync(one.cert))
  const days = (new Date(validTo).getTime() - Date.now()) / 86_400_000
  t.match((await check(one, ['capulet.example'], days - 10)).at(-1), { state: 'warn', text: /expires on/ })
  t.match(await check({ cert: one.cert, key: two.key }, ['capulet.example']), [{ state: 'fail', text: /do not belong together/ }])
  t.match(await check({ cert: one.cert, key: join(folder, 'none') }, ['capulet.example']), [{ state: 'fail', text: /is not there/ }])
  t.match(await check({ cert: one.key, key: one.key }, ['capulet.example']), [{ state: 'fail' }])
  t.match(await check({ cert: join(folder, 'x'), key: join(folder, 'y'), ca: join(folder, 'z') }, ['localhost']), [{ state: 'ok', text: /made at the first start/ }])
})

t.test('ports: free, taken, ours, off, not ours to take', async t => {
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const settings = defaultSettings({ c2sPort: port, c2sTlsPort: null, httpPort: 0, httpsPort: null })
  t.match(await checkPorts(settings, null), [
    { about: 'c2s_port', state: 'fail', text: /taken by another program/ }, { about: 'c2s_tls_port', state: 'ok', text: 'off' },
    { about: 'http_port', state: 'ok', text: /any free/ }, { about: 'https_port', state: 'ok' },
  ])
  const server = { pid: 1, ports: { c2s: port, c2sTls: null, http: 9, https: null }, database: FACTS, cluster: null }
  t.match(await checkPorts(settings, server), [{ state: 'ok', text: /open in the running server/ }])
  t.match(await checkPorts(defaultSettings({ host: '192.0.2.1', c2sPort: 50_000 }), null), [{ state: 'fail', text: /no address of this machine/ }])
  await new Promise(closed => other.close(closed))
  t.match(await checkPorts(settings, null), [{ state: 'ok', text: `${port} is free` }])
})
