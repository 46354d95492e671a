// The tables of the simulated database, as far as the routing protocol has any (schema.sql).

export interface AccountRow {
  seq: number
  generation: number
}

export interface EntryRow {
  readonly account: string
  readonly seq: number
  readonly mark: number
  readonly at: number
  readonly peer: string
  readonly flags: number
  readonly xml: string
}

export interface PresenceTableRow {
  account: string
  resource: string
  session_id: string
  incarnation: number
  node: string
  epoch: number
  priority: number | null
  presence: string | null
  state: 'live' | 'closing'
}

export interface ResumptionTableRow {
  account: string
  session_id: string
  resource: string
  incarnation: number
  node: string
  epoch: number
  lasts: number
  h: number
  outbound: number
  position: number
  unacked: string
  requests: string
  details: string
  folded: number
  detached: number | null
  ended: number | null
}

export interface NodeTableRow {
  epoch: number
  renewal: number
  n: number
  signedOff: boolean
  reapedBy: string | null
}

export interface Tables {
  readonly account: Map<string, AccountRow>
  /** In order of seq, without holes. */
  readonly log: Map<string, EntryRow[]>
  /** Entries acknowledged: watermark and ranges as one set (durability.md D12). */
  readonly queue: Map<string, Set<number>>
  /** By account, then resource. */
  readonly presence: Map<string, Map<string, PresenceTableRow>>
  /** By account and session id. */
  readonly resumption: Map<string, ResumptionTableRow>
  readonly node: Map<string, NodeTableRow>
  /** By node and epoch, then n. */
  readonly journal: Map<string, Map<number, string>>
}

export const makeTables = (): Tables => ({
  account: new Map(), log: new Map(), queue: new Map(), presence: new Map(), resumption: new Map(), node: new Map(), journal: new Map(),
})

export const streamKey = (account: string, sessionId: string): string => `${account} ${sessionId}`
export const journalKey = (node: string, epoch: number): string => `${node} ${epoch}`
export const sessionsOf = (tables: Tables, account: string): PresenceTableRow[] => [...tables.presence.get(account)?.values() ?? []]
