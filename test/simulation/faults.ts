// Rules of the protocol that are broken on purpose, one at a time, so that it is known that the simulation would see it. Where a
// rule lives in production code it is a small edit of the compiled file, made when that is loaded (loader.ts); where it lives
// in SQL, statements.ts asks for its name.

export interface Fault {
  readonly name: string
  readonly rule: string
  /** Nothing can be seen of it, for other rules make up for it: which. */
  readonly redundant?: string
  /** Where the test begins to look, for the first interleavings do not show it: a little before one that did. */
  readonly seed?: number
  /** Compiled file, and what stands there instead of what. none: in statements.ts. */
  readonly edit?: { readonly file: string; readonly from: string; readonly to: string }
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'TTL extended by reads', rule: 'routing.md, step 4',
    edit: { file: 'lib/core/route-cache.js', from: 'updateAgeOnGet: false', to: 'updateAgeOnGet: true' },
  },
  {
    name: 'no fill guard', seed: 1850, rule: 'routing.md, prior art',
    edit: { file: 'lib/core/route-cache.js', from: 'const keep = !flight.tripped && began === era;', to: 'const keep = true;' },
  },
  {
    name: 'error cached as none', rule: 'routing.md, step 4: three outcomes',
    edit: {
      file: 'lib/core/route-cache.js', from: "            count.unknown++;\n            return 'unknown';",
      to: '            entries.set(account, { route: NOWHERE, era }, { ttl: jitter(options.ttl) });\n            return NOWHERE;',
    },
  },
  {
    name: 'generation ignored', seed: 530, rule: 'routing.md, step 4',
    edit: { file: 'lib/core/route-cache.js', from: 'entry.route.generation >= generation)', to: 'entry.route.generation >= -1)' },
  },
  {
    name: 'own sessions used at any generation', rule: 'routing.md, step 1',
    // (of sessions without XEP-0198, which have no records, test/durability/elsewhere.ts shows it)
    redundant: 'a session that can be resumed is written to only after its record is committed, and that commit compares the generation (D7, D2); its new owner gives it the message itself (D6)',
    edit: { file: 'lib/core/hand-over.js', from: '(members.get(account)?.generation ?? generation) < generation', to: '(members.get(account)?.generation ?? generation) < -1' },
  },
  {
    name: 'hints trusted without comparing positions', rule: 'durability.md D6',
    edit: { file: 'lib/core/comparing.js', from: 'if (looking || now < next)', to: 'if (now > -1)' },
  },
  {
    name: 'gaps not noticed', rule: 'durability.md D6',
    edit: { file: 'lib/core/feed.js', from: 'if (session.position + 1 !== seq) {', to: 'if (seq < 0) {' },
  },
  { name: 'delete by key alone', seed: 1195, rule: 'routing.md, prior art: compare-and-delete' },
  { name: 'no incarnation check', rule: 'durability.md D2, D8, D10' },
  { name: 'incarnation read in the locking statement', rule: 'durability.md D2' },
  { name: 'only accounts with entries locked', seed: 1480, rule: 'durability.md D2' },
  {
    name: 'a stream goes on without compare-and-set', rule: 'durability.md D9',
    edit: { file: 'lib/core/resumption.js', from: 'if (await store.resume({ ...row, incarnation, h, detached: null }, was)) {', to: 'if (await store.save({ ...row, incarnation, h, detached: null }) ?? true) {' },
  },
  {
    name: 'the journal is read without the lock of the stream', seed: 31380, rule: 'durability.md D8, D9',
    edit: { file: 'lib/store/takeover.js', from: "await tx.query('select 1 from resumption where account = any($1) and session_id = any($2) order by account, session_id for update', keys);", to: '' },
  },
  {
    name: 'references dropped at takeover', rule: 'durability.md D9',
    edit: { file: 'lib/store/takeover.js', from: '{ ...stream, incarnation: row.incarnation + 1, folded: 0 }', to: '{ ...stream, incarnation: row.incarnation + 1, folded: 0, unacked: [] }' },
  },
  {
    name: 'replay once per epoch', seed: 3600, rule: 'durability.md D9',
    edit: { file: 'lib/store/takeover.js', from: 'if (tail.n === 0)\n', to: 'if (tail.n > 0)\n            return tail;\n        if (tail.n === 0)\n' },
  },
  {
    name: 'positions moved before the flush', rule: 'durability.md D5, D7: a record before the message',
    edit: { file: 'lib/core/managed-stream.js', from: '|| (given !== null && this.resumable))', to: ')' },
  },
  {
    name: 'unlogged stanzas not held', rule: 'durability.md D7, D11',
    edit: { file: 'lib/core/managed-stream.js', from: 'if (this.queue.length > 0 || refuses > 0', to: 'if (refuses > 0' },
  },
  {
    name: 'reaping before the grace', seed: 109440, rule: 'routing.md, step 8',
    edit: { file: 'lib/cluster/lease.js', from: '>= lease + grace;', to: '>= lease;' },
  },
  {
    name: 'late requests taken', seed: 100180, rule: 'routing.md, step 1: acts only where the lease allows',
    edit: { file: 'lib/cluster/lease.js', from: "if (age() < silentAfter)", to: "if (age() < Infinity)" },
  },
  {
    name: 'resends taken twice', rule: 'durability.md D14',
    edit: { file: 'lib/net/bind.js', from: 'session.suspect = host.resends.suspects(account.bare);\n        tell(session);', to: 'session.suspect = 0;\n        tell(session);' },
  },
]

export const faultOf = (name: string): Fault => {
  const found = FAULTS.find((fault) => fault.name === name)
  if (found === undefined) throw new Error(`there is no fault '${name}': ${FAULTS.map((fault) => fault.name).join(', ')}`)
  return found
}
