/** The hot path in the order it runs. Within a step: the order of routes/index.ts. */
export const STEPS = ['sent', 'received', 'delivered', 'unreachable'];
//# sourceMappingURL=route.js.map