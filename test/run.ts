// `npm test`: finds the tests in the source tree (so that stale files in dist do not run), runs their compiled forms,
// each with tap in a process of its own, then the linter, and ends with one plain line "N passed, N failed". Counted are assertions, and each check as one.
//   npm test                             everything
//   npm test -- test/base lib/x/y.ts     only the tests of these files or folders; options after `--` go to the tests
//   npm test -- --servers …              of these only what may do something else where the environment names a Postgres, or NATS is installed
// test/debian has a runner of its own: it needs clients that only CI has.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Parser } from 'tap-parser'
import type { FinalResults, Result } from 'tap-parser'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const NO_TESTS = ['test/run.ts', 'test/helpers/', 'test/bench/', 'test/data/', 'test/debian/', 'test/simulation/']
const TIMEOUT = 120 // seconds for one file on a busy machine
const NO_CLAIMS = 'no tests found' // tap's word for a file without an assertion

const tally = { passed: 0, failed: 0, skipped: 0 }
const skips = new Map<string, string[]>()
const failures: string[] = []

const main = async (): Promise<void> => {
  process.chdir(ROOT)
  const args = process.argv.slice(2)
  const options = args.filter(arg => arg.startsWith('-') && arg !== '--' && arg !== '--servers')
  const isChosen = args.includes('--servers') ? (file: string): boolean => knowsServers(file) : (): boolean => true
  const wanted = args.filter(arg => !arg.startsWith('-')).map(arg => asTest(relative(ROOT, resolve(process.env['INIT_CWD'] ?? '.', arg))))
  const files = sources('test').filter(file => wanted.length === 0 || wanted.some(path => file === path || file === `${path}.ts` || file.startsWith(`${path}/`))).filter(isChosen)
  if (files.length === 0) fail(`no test matches ${wanted.join(' ')}`)
  const unbuilt = files.filter(file => !existsSync(compiled(file)))
  for (const file of unbuilt) fail(`${file}: not built, run npm run build`)
  const ready = files.filter(file => !unbuilt.includes(file))
  if (ready.length > 0) await runAll(ready.map(compiled), options)
  if (wanted.length === 0) lint()
  report()
}

/** `lib/x/y.ts` and `dist/test/x/y.js` mean `test/x/y.ts`. */
const asTest = (path: string): string =>
  path.replace(/^dist\//, '').replace(/\.js$/, '.ts').replace(/^lib\//, 'test/').replace(/\/$/, '')

const compiled = (file: string): string => `dist/${file.replace(/\.ts$/, '.js')}`

const sources = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = `${folder}/${entry.name}${entry.isDirectory() ? '/' : ''}`
    if (NO_TESTS.some(prefix => path.startsWith(prefix))) return []
    if (entry.isDirectory()) return sources(path.slice(0, -1))
    return path.endsWith('.ts') && !path.endsWith('.d.ts') ? [path] : []
  }).toSorted()

/** It speaks of such a server, or a helper of its opens one. */
const knowsServers = (file: string, seen = new Set<string>()): boolean => {
  if (seen.has(file) || !existsSync(file)) return false
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  if (/helpers\/(?:database|nats)\.ts$/.test(file) || (!file.startsWith('test/helpers/') && /postgres|nats/i.test(text))) return true
  return [...text.matchAll(/ from '(\.[^']+)\.js'/g)].some(([, path]) => {
    const helper = relative(ROOT, join(ROOT, dirname(file), `${path}.ts`))
    return helper.startsWith('test/helpers/') && knowsServers(helper, seen)
  })
}

/** As many files at once as there are cores; each in a process of its own, without the loaders of `tap run`, which compile what is compiled already. */
const runAll = async (files: readonly string[], options: readonly string[]): Promise<void> => {
  const waiting = [...files]
  const worker = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await runFile(file, options)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}

const runFile = async (file: string, options: readonly string[]): Promise<void> => {
  const name = asTest(file)
  const began = performance.now()
  let claims = 0
  let failed = false
  const failHere = (text: string): void => {
    failed = true
    fail(text)
  }
  const parser = new Parser()
  parser.on('pass', () => {
    claims++
    tally.passed++
  })
  parser.on('fail', (point) => {
    claims++
    failHere(describe(file, point))
  })
  for (const kind of ['skip', 'todo'] as const) {
    parser.on(kind, (point) => {
      claims++
      skip(file, point)
    })
  }
  parser.on('extra', (text) => process.stdout.write(text)) // what a test printed
  const results = new Promise<FinalResults>((resolve) => parser.on('complete', resolve))
  // tap gives up by itself and tells what it waited for; what does not even do that is ended
  const child = spawn(process.execPath, ['--enable-source-maps', file, ...options], {
    stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT) },
  })
  const deadline = setTimeout(() => child.kill('SIGKILL'), (TIMEOUT + 30) * 1000)
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.stdout.pipe(parser as unknown as NodeJS.WritableStream)
    child.on('close', (...ended) => resolve(ended))
  })
  clearTimeout(deadline)
  const { plan, failures: points } = await results
  if (plan.skipAll && plan.comment !== NO_CLAIMS) skip(file, { name, skip: plan.comment })
  else if (claims === 0 && code === 0) failHere(`${name}: it claims nothing`)
  // a plan that does not fit, a crash: the test failed though none of its assertions did
  for (const { tapError } of points) if (tapError !== undefined && tapError !== null) failHere(`${name}: ${String(tapError)}`)
  if ((code !== 0 || signal !== null) && !failed) failHere(`${name}: it ended with ${signal ?? `code ${code}`}`)
  console.log(`${failed ? 'FAILED' : 'ok    '} ${name} ${((performance.now() - began) / 1000).toFixed(1)} s`)
}

const NOISE = new Set(['at', 'stdio', 'cwd', 'command', 'args', 'externalID', 'file', 'tapCaught', 'compare', 'typeName'])

const describe = (file: string, { fullname, name, diag }: Result): string => {
  const details = diag as Record<string, unknown> | null ?? {}
  const at = details['at'] as { fileName?: string; lineNumber?: number } | undefined
  const place = at?.fileName === undefined ? '' : `\n  at ${at.fileName}:${at.lineNumber ?? '?'}`
  const lines = Object.entries(details).filter(([key]) => !NOISE.has(key)).map(([key, value]) =>
    `\n  ${key}: ${(typeof value === 'string' ? value : JSON.stringify(value)).trimEnd().replaceAll('\n', '\n    ')}`)
  return `${asTest(file)} > ${fullname || name}${place}${lines.join('')}`
}

const fail = (text: string): void => {
  tally.failed++
  failures.push(text.split('\n')[0]!)
  console.log(`\nFAILED ${text}\n`)
}

const skip = (file: string, { fullname, name, skip: reason, todo }: Partial<Result>): void => {
  tally.skipped++
  const given = typeof reason === 'string' ? reason : todo === undefined || todo === false ? 'no reason given' : `to do: ${todo === true ? '' : todo}`
  skips.set(given, [...(skips.get(given) ?? []), `${asTest(file)} > ${fullname ?? name}`])
}

const lint = (): void => {
  const done = spawnSync(join('node_modules', '.bin', 'oxlint'), ['lib', 'routes', 'test'], { encoding: 'utf8' })
  if (done.status === 0) {
    tally.passed++
    console.log('ok     oxlint')
  } else fail(`oxlint\n${done.error?.message ?? ''}${done.stdout}${done.stderr}`)
}

const report = (): void => {
  for (const [reason, names] of skips) console.log(`\nSKIPPED ${names.length}, because: ${reason}\n  ${names.join('\n  ')}`)
  if (failures.length > 0) console.log(`\nfailed:\n  ${failures.join('\n  ')}`)
  console.log(`\n${tally.passed} passed, ${tally.failed} failed${tally.skipped > 0 ? `, ${tally.skipped} skipped` : ''}`)
  process.exitCode = tally.failed > 0 ? 1 : 0
}

await main()
