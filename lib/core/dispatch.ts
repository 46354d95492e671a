// The routes turned into look-up tables, once, at start: which request is answered by whom, and which stanzas a step of
// the hot path stops for. A stanza that no feature is concerned with costs one comparison a step.
import { UsageError } from '../base/errors.js'
import type { Kind, Stanza } from '../base/stanza.js'
import type { Ending } from './ending.js'
import { STEPS } from './route.js'
import type { IqAnswer, Route, Routed, Services, Step, StepHandler } from './route.js'

interface Plan {
  readonly handlers: readonly StepHandler[]
  /** Namespaces of children that some handler waits for; `always` when one waits for every stanza of the kind. */
  readonly namespaces: ReadonlySet<string>
  readonly always: boolean
}

export interface Dispatch {
  /** Who answers requests of this type with this payload: one for the server, one for accounts. */
  answer(type: string, ns: string, name: string, to: 'server' | 'account'): IqAnswer | undefined
  /** null: no feature joins this step for this kind. */
  readonly plans: Readonly<Record<Step, Readonly<Record<Kind, Plan | null>>>>
}

const KINDS: readonly Kind[] = ['message', 'presence', 'iq']

const planOf = (handlers: readonly StepHandler[]): Plan | null => handlers.length === 0 ? null : {
  handlers,
  namespaces: new Set(handlers.flatMap((h) => h.ns ?? [])),
  always: handlers.some((h) => h.ns === undefined),
}

export const compile = (routes: readonly Route[]): Dispatch => {
  const answers = new Map<string, IqAnswer>()
  const names = new Set<string>()
  for (const route of routes) {
    if (names.has(route.name)) throw new UsageError(`two routes are named '${route.name}' in routes/index.ts`)
    names.add(route.name)
    for (const iq of route.iq ?? []) {
      for (const to of iq.to === 'either' ? ['server', 'account'] : [iq.to]) {
        const key = `${iq.type} ${to} ${iq.ns} ${iq.name}`
        if (answers.has(key)) throw new UsageError(`two routes answer '${key}'; the second is '${route.name}'`)
        answers.set(key, iq)
      }
    }
  }
  const plans = Object.fromEntries(STEPS.map((step) => [step, Object.fromEntries(KINDS.map((kind) =>
    [kind, planOf(routes.flatMap((r) => r.on?.[step] ?? []).filter((h) => h.kinds.includes(kind)))]))])) as unknown as Dispatch['plans']
  return { answer: (type, ns, name, to) => answers.get(`${type} ${to} ${ns} ${name}`), plans }
}

const concerns = (plan: Plan, stanza: Stanza): boolean => {
  if (plan.always) return true
  const { children } = stanza
  for (let i = 0; i < children.length; i++) {
    if (plan.namespaces.has((children[i] as { ns: string }).ns)) return true
  }
  return false
}

/** What a step made of a stanza: an ending, or the stanza that goes on. */
export type Walked = Ending | Stanza

export const isStanza = (walked: Walked): walked is Stanza => typeof walked === 'object' && 'kind' in walked

/** Run one step. A promise only where a handler gives one. */
export const walk = (plan: Plan, routed: Routed, server: Services): Walked | Promise<Walked> =>
  concerns(plan, routed.stanza) ? run(plan.handlers, 0, routed, server) : routed.stanza

const run = (handlers: readonly StepHandler[], first: number, routed: Routed, server: Services): Walked | Promise<Walked> => {
  let { stanza } = routed
  for (let i = first; i < handlers.length; i++) {
    const handler = handlers[i] as StepHandler
    if (!handler.kinds.includes(stanza.kind)) continue
    if (handler.ns !== undefined && !stanza.children.some((c) => c.ns === handler.ns)) continue
    const result = handler.run({ ...routed, stanza }, server)
    if (result instanceof Promise) {
      return result.then((r) => (r !== undefined && !isStanza(r) ? r : run(handlers, i + 1, { ...routed, stanza: r ?? stanza }, server)))
    }
    if (result === undefined) continue
    if (!isStanza(result)) return result
    stanza = result
  }
  return stanza
}
