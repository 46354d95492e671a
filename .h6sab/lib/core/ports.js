// What the router needs of the world, as interfaces of its own: a clock, a store, a bus to other nodes. lib/store and
// lib/cluster implement them; tests and the simulation bring others.
export {};
//# sourceMappingURL=ports.js.map