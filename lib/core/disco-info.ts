// What this server tells of itself and of its accounts (XEP-0030), worked out from the routes: the answer to disco#info,
// and what the hash that stands for that answer (XEP-0115) is made of. One place, so that the two agree.
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import type { Settings } from '../base/config.js'
import { NS } from '../base/namespaces.js'
import type { Route } from './route.js'
import { verification } from './verification.js'

const told = (identity: Element, features: readonly string[]): Element[] =>
  [identity, ...[...new Set([NS.discoInfo, NS.discoItems, ...features])].sort().map((f) => el('feature', { var: f }))]

/** XEP-0030 §9: 'server/im'. */
export const serverInfo = (routes: readonly Route[], settings: Settings): Element[] => [
  ...told(el('identity', { category: 'server', type: 'im', name: 'jidway' }), routes.flatMap((r) => r.features ?? [])),
  ...routes.flatMap((r) => r.forms?.(settings) ?? []),
]

export const accountInfo = (routes: readonly Route[]): Element[] =>
  told(el('identity', { category: 'account', type: 'registered' }), routes.flatMap((r) => r.accountFeatures ?? []))

/** XEP-0115 §4: names the software; an address by custom, though there is nothing to be seen there. */
export const SERVER_NODE = 'https://jidway.example'

/** The hash of `serverInfo`. */
export const serverVer = (routes: readonly Route[], settings: Settings): string => verification(serverInfo(routes, settings), 'sha-1').ver
