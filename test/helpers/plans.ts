// How Postgres carries out what a store function asks: its statements are recorded and explained as they were, planned for
// their values and planned for any, as happens to a statement that is prepared and used again.
import type { Db } from '../../lib/core/ports.js'

export interface Statement {
  readonly text: string
  readonly values: readonly unknown[]
}

/** A database that notes what it is asked, in its transactions too. */
export const recording = (db: Db): { readonly db: Db; readonly statements: Statement[] } => {
  const statements: Statement[] = []
  const wrap = (inner: Db): Db => ({
    query: (text, values = []) => {
      statements.push({ text, values })
      return inner.query(text, values)
    },
    transaction: (run) => inner.transaction((tx) => run(wrap(tx))),
  })
  return { db: wrap(db), statements }
}

export interface Plan {
  /** Planned for these values, or for any. */
  readonly mode: 'custom' | 'generic'
  /** Relations read from one end to the other. */
  readonly sequential: readonly string[]
  /** Rows that were looked at, those thrown away among them. */
  readonly looked: number
  /** Kinds of the nodes, outermost first. */
  readonly nodes: readonly string[]
  readonly ms: number
}

interface Node {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: Node[]
}

const literal = (value: unknown): string => {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'number' || typeof value === 'boolean') return `'${value}'`
  if (Array.isArray(value)) return `'{${value.map((v) => (v === null ? 'null' : `"${String(v).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll("'", "''")}"`)).join(',')}}'`
  return `'${(value as string).replaceAll("'", "''")}'`
}

class Undo extends Error {}
let names = 0

/** The plans of a statement. It is carried out for that, and undone. */
export const plansOf = async (db: Db, { text, values }: Statement): Promise<readonly Plan[]> => {
  const plans: Plan[] = []
  for (const mode of ['custom', 'generic'] as const) {
    await db.transaction(async (tx) => {
      const name = `explained_${++names}`
      await tx.query(`set local plan_cache_mode = force_${mode}_plan`)
      await tx.query(`prepare ${name} as ${text}`)
      const [row] = await tx.query<{ 'QUERY PLAN': { Plan: Node; 'Execution Time': number }[] }>(
        `explain (analyze, format json) execute ${name}${values.length === 0 ? '' : `(${values.map(literal).join(', ')})`}`)
      await tx.query(`deallocate ${name}`)
      const [found] = row?.['QUERY PLAN'] ?? []
      if (found !== undefined) plans.push(planOf(mode, found.Plan, found['Execution Time']))
      throw new Undo()
    }).catch((error: unknown) => {
      if (!(error instanceof Undo)) throw error
    })
  }
  return plans
}

const planOf = (mode: Plan['mode'], root: Node, ms: number): Plan => {
  const all: Node[] = []
  const walk = (node: Node): void => {
    all.push(node)
    node.Plans?.forEach(walk)
  }
  walk(root)
  const rows = (node: Node): number => {
    const { 'Actual Loops': loops = 1, 'Actual Rows': actual = 0, 'Rows Removed by Filter': removed = 0, 'Rows Removed by Index Recheck': rechecked = 0 } = node
    return (actual + removed + rechecked) * loops
  }
  return {
    mode, ms,
    sequential: all.filter((node) => node['Node Type'] === 'Seq Scan' && (node['Actual Loops'] ?? 1) > 0).map((node) => node['Relation Name'] ?? '?'),
    looked: all.filter((node) => /Index.*Scan|Seq Scan/.test(node['Node Type'])).reduce((sum, node) => sum + rows(node), 0),
    nodes: all.map((node) => node['Node Type']),
  }
}
