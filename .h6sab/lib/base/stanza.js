// A stanza as the server carries it: its octets and what the router needs to know of them, found in one pass by the
// framer. Nothing here is changed after it is made; what passes through is spliced, not rebuilt (design.md §3).
/** The octets with `attributes` (octets, each with a space before it) spliced in and the sender's own `from` cut out. */
export const stamp = (stanza, attributes) => {
    const { xml, nameEnd, fromStart } = stanza;
    if (fromStart < 0)
        return xml.slice(0, nameEnd) + attributes + xml.slice(nameEnd);
    return xml.slice(0, nameEnd) + attributes + xml.slice(nameEnd, fromStart) + xml.slice(stanza.fromEnd);
};
//# sourceMappingURL=stanza.js.map