// The routes turned into look-up tables, once, at start: which request is answered by whom, and which stanzas a step of
// the hot path stops for. A stanza that no feature is concerned with costs one comparison a step.
import { UsageError } from '../base/errors.js';
import { STEPS } from './route.js';
const KINDS = ['message', 'presence', 'iq'];
const planOf = (handlers) => handlers.length === 0 ? null : {
    handlers,
    namespaces: new Set(handlers.flatMap((h) => h.ns ?? [])),
    always: handlers.some((h) => h.ns === undefined),
};
export const compile = (routes) => {
    const answers = new Map();
    const names = new Set();
    for (const route of routes) {
        if (names.has(route.name))
            throw new UsageError(`two routes are named '${route.name}' in routes/index.ts`);
        names.add(route.name);
        for (const iq of route.iq ?? []) {
            for (const to of iq.to === 'either' ? ['server', 'account'] : [iq.to]) {
                const key = `${iq.type} ${to} ${iq.ns} ${iq.name}`;
                if (answers.has(key))
                    throw new UsageError(`two routes answer '${key}'; the second is '${route.name}'`);
                answers.set(key, iq);
            }
        }
    }
    const plans = Object.fromEntries(STEPS.map((step) => [step, Object.fromEntries(KINDS.map((kind) => [kind, planOf(routes.flatMap((r) => r.on?.[step] ?? []).filter((h) => h.kinds.includes(kind)))]))]));
    return { answer: (type, ns, name, to) => answers.get(`${type} ${to} ${ns} ${name}`), plans };
};
const concerns = (plan, stanza) => {
    if (plan.always)
        return true;
    const { children } = stanza;
    for (let i = 0; i < children.length; i++) {
        if (plan.namespaces.has(children[i].ns))
            return true;
    }
    return false;
};
export const isStanza = (walked) => typeof walked === 'object' && 'kind' in walked;
/** Run one step. A promise only where a handler gives one. */
export const walk = (plan, routed, server) => concerns(plan, routed.stanza) ? run(plan.handlers, 0, routed, server) : routed.stanza;
const run = (handlers, first, routed, server) => {
    let { stanza } = routed;
    for (let i = first; i < handlers.length; i++) {
        const handler = handlers[i];
        if (!handler.kinds.includes(stanza.kind))
            continue;
        if (handler.ns !== undefined && !stanza.children.some((c) => c.ns === handler.ns))
            continue;
        const result = handler.run({ ...routed, stanza }, server);
        if (result instanceof Promise) {
            return result.then((r) => (r !== undefined && !isStanza(r) ? r : run(handlers, i + 1, { ...routed, stanza: r ?? stanza }, server)));
        }
        if (result === undefined)
            continue;
        if (!isStanza(result))
            return result;
        stanza = result;
    }
    return stanza;
};
//# sourceMappingURL=dispatch.js.map