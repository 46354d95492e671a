// The routes turned into look-up tables, once, at start: which request is answered by whom, and which stanzas a step of
// the hot path stops for. A stanza that no feature is concerned with costs one comparison a step.
import { UsageError } from '../base/errors.js'
import type { Kind, Stanza } from '../base/stanza.js'
import type { Ending } from './ending.js'
import type { Location } from './ports.js'
import { STEPS } from './route.js'
import type { IqAnswer, Nonza, Route, Routed, Services, Step, StepHandler, StepResult, StrangerAnswer } from './route.js'
import type { Session } from './sessions.js'

interface Plan {
  readonly handlers: readonly StepHandler[]
  /** Namespaces of children that some handler waits for; `always` when one waits for every stanza of the kind. */
  readonly namespaces: ReadonlySet<string>
  readonly always: boolean
}

export interface Dispatch {
  /** Who answers requests of this type with this payload: one for the server, one for accounts. */
  answer(type: string, ns: string, name: string, to: 'server' | 'account'): IqAnswer | undefined
  /** Who takes this element that is no stanza, by namespace and name. */
  nonza(ns: string, name: string): Nonza | undefined
  /** Who answers this request before a log-in. */
  stranger(type: string, ns: string, name: string): StrangerAnswer | undefined
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
  const nonzas = new Map<string, Nonza>()
  const strangers = new Map<string, StrangerAnswer>()
  const names = new Set<string>()
  for (const route of routes) {
    if (names.has(route.name)) throw new UsageError(`two routes are named '${route.name}' in routes/index.ts`)
    names.add(route.name)
    const once = <T>(map: Map<string, T>, key: string, value: T): void => {
      if (map.has(key)) throw new UsageError(`two routes answer '${key}'; the second is '${route.name}'`)
      map.set(key, value)
    }
    for (const nonza of route.nonzas ?? []) once(nonzas, `${nonza.ns} ${nonza.name}`, nonza)
    for (const iq of route.strangers ?? []) once(strangers, `${iq.type} ${iq.ns} ${iq.name}`, iq)
    for (const iq of route.iq ?? []) {
      for (const to of iq.to === 'either' ? ['server', 'account'] : [iq.to === 'server' ? 'server' : 'account']) {
        once(answers, `${iq.type} ${to} ${iq.ns} ${iq.name}`, iq)
      }
    }
  }
  const plans = Object.fromEntries(STEPS.map((step) => [step, Object.fromEntries(KINDS.map((kind) =>
    [kind, planOf(routes.flatMap((r) => r.on?.[step] ?? []).filter((h) => h.kinds.includes(kind)))]))])) as unknown as Dispatch['plans']
  return {
    answer: (type, ns, name, to) => answers.get(`${type} ${to} ${ns} ${name}`),
    nonza: (ns, name) => nonzas.get(`${ns} ${name}`),
    stranger: (type, ns, name) => strangers.get(`${type} ${ns} ${name}`),
    plans,
  }
}

const concerns = (plan: Plan, stanza: Stanza): boolean => {
  if (plan.always) return true
  const { children } = stanza
  for (let i = 0; i < children.length; i++) {
    if (plan.namespaces.has((children[i] as { ns: string }).ns)) return true
  }
  return false
}

/** What a step made of a stanza: an ending, or the stanza that goes on (the same object where nothing changed). */
export type Walked = Ending | Routed

/** Run one step. A promise only where a handler gives one. @param taken,elsewhere for the step `delivered`: as StepHandler.run */
export const walk = (plan: Plan, routed: Routed, server: Services, taken: readonly Session[] = NOBODY, elsewhere: readonly Location[] = NOWHERE): Walked | Promise<Walked> =>
  concerns(plan, routed.stanza) ? run(plan.handlers, 0, routed, server, taken, elsewhere) : routed

const NOBODY: readonly Session[] = []
const NOWHERE: readonly Location[] = []

const run = (handlers: readonly StepHandler[], first: number, given: Routed, server: Services, taken: readonly Session[], elsewhere: readonly Location[]): Walked | Promise<Walked> => {
  let routed = given
  for (let i = first; i < handlers.length; i++) {
    const handler = handlers[i] as StepHandler
    if (handler.ns !== undefined && !holds(routed.stanza, handler.ns)) continue
    const result = handler.run(routed, server, taken, elsewhere)
    if (result === undefined) continue
    if (result instanceof Promise) {
      const now = routed
      return result.then((r) => (isEnding(r) ? r : run(handlers, i + 1, withStanza(now, r), server, taken, elsewhere)))
    }
    if (isEnding(result)) return result
    routed = withStanza(routed, result)
  }
  return routed
}

/** A loop, for this runs for every stanza, and a function for `some` would be made each time. */
const holds = ({ children }: Stanza, ns: string): boolean => {
  for (let i = 0; i < children.length; i++) if ((children[i] as { ns: string }).ns === ns) return true
  return false
}

const isEnding = (result: StepResult): result is Ending => typeof result === 'string' || (result !== undefined && 'ignored' in result)

const withStanza = (routed: Routed, stanza: Stanza | void): Routed => (stanza === undefined ? routed : { ...routed, stanza })
