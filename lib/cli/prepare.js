// Runs before `npm start` and `npm test`: installs what is missing and builds what is older than its source, so that both
// work from a fresh clone with nothing but Node and npm (design.md §5). One line per thing done, silence otherwise.
// Plain JavaScript and only what every Node has: it runs before anything is installed, also on a Node that is too old.
import { spawnSync } from 'child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'fs'
import { dirname, join } from 'path'
import { fileURLToPath } from 'url'

const LEAST_NODE = [20, 19]
const SOURCES = ['lib', 'routes', 'test']
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const STAMP = 'dist/.sources'

const main = () => {
  process.chdir(ROOT)
  checkNode()
  if (!isInstalled()) install()
  const sources = listSources()
  const removed = removeStale(sources)
  if (removed > 0) say(`removed ${removed} built files whose source is gone\n`)
  const now = fingerprint(sources)
  const missing = sources.some(source => !existsSync(join('dist', source.replace(/\.ts$/, '.js'))))
  if (missing || read(STAMP) !== now) build(now, missing)
}

const checkNode = () => {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return
  stop(`jidway needs Node ${LEAST_NODE.join('.')} or newer; this is ${process.versions.node} (${process.execPath})`)
}

// By content, not by time: a clone, a copy or an image gives files any time. npm writes the second file last, so that an
// interrupted installation does not count as one.
const isInstalled = () => {
  const wanted = packages('package-lock.json')
  const there = packages('node_modules/.package-lock.json')
  if (wanted === null) stop('package-lock.json is missing or broken: is this a whole clone?')
  if (there === null) return false
  // packages for other platforms are in the lock and rightly not there
  return Object.keys(wanted).every(path => path === '' || (there[path] ? same(there[path], wanted[path]) : isOptional(wanted[path])))
    && Object.keys(there).every(path => wanted[path] !== undefined)
}

const isOptional = entry => entry.optional === true
const same = (a, b) => a.version === b.version && a.integrity === b.integrity

const packages = path => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages || {}
  } catch {
    return null
  }
}

// `ignore-scripts` in .npmrc would silence prestart and pretest themselves; here it stands where it belongs.
const install = () => {
  say('installing packages (npm ci) … ')
  const began = Date.now()
  const args = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = process.env.npm_execpath
  const run = npm && /\.c?js$/.test(npm) ? [process.execPath, [npm, ...args]] : ['npm', args]
  const done = spawnSync(run[0], run[1], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (done.status !== 0) stop(`npm ci failed\n${done.error ? done.error.message : ''}${done.stdout || ''}${done.stderr || ''}`)
  say(`${Object.keys(packages('node_modules/.package-lock.json') || {}).length} in ${seconds(began)}\n`)
}

const build = (now, missing) => {
  say('building (tsc) … ')
  const began = Date.now()
  // tsc believes its own notes and would not write again what somebody removed
  if (missing) rmSync('dist/.tsbuildinfo', { force: true })
  const done = spawnSync(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (done.status !== 0) stop(`the sources do not compile\n${done.stdout || ''}${done.stderr || ''}`)
  mkdirSync('dist', { recursive: true })
  writeFileSync(STAMP, now)
  say(`${seconds(began)}\n`)
}

const listSources = () => SOURCES.flatMap(folder => walk(folder)).filter(path => path.endsWith('.ts') && !path.endsWith('.d.ts'))

// Any difference counts, not only "newer": a file from an archive or another branch may well be older.
const fingerprint = sources =>
  [...sources, ...SOURCES.flatMap(folder => walk(folder)).filter(path => path.endsWith('.d.ts')), 'tsconfig.json', 'package-lock.json']
    .map(path => {
      const { mtimeMs, size } = statSync(path)
      return `${path} ${mtimeMs} ${size}\n`
    }).join('')

const removeStale = sources => {
  const kept = new Set(sources.map(source => source.slice(0, -'.ts'.length)))
  const stale = SOURCES.flatMap(folder => walk(`dist/${folder}`)).filter(path => {
    const source = /^dist\/(.*?)(?:\.js|\.js\.map|\.d\.ts|\.d\.ts\.map)$/.exec(path)
    return source !== null && !kept.has(source[1])
  })
  for (const path of stale) rmSync(path)
  return stale.length
}

const walk = folder => {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return walk(path)
    return entry.isFile() ? [path] : []
  })
}

const read = path => (existsSync(path) ? readFileSync(path, 'utf8') : '')
const seconds = began => `${((Date.now() - began) / 1000).toFixed(1)} s`
const say = text => process.stdout.write(text)

const stop = text => {
  process.stderr.write(`\n${text.trim()}\n`)
  process.exit(1)
}

main()
