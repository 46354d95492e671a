// The same few names and namespaces come again and again. They are found by comparing bytes, without a call into C++ for
// each, and as the same string object every time, so that later comparisons are of pointers and hashes are known.
const SLOTS = 2048;
/** Longer strings are not worth a slot. With SLOTS it bounds what the table holds to 128 KiB of octets and as much text. */
const LONGEST = 64;
const bytes = Array.from({ length: SLOTS }, () => new Uint8Array(0));
const texts = Array.from({ length: SLOTS }, () => '');
const diff = (known, buf, i, start) => known[i] ^ buf[start + i];
/** The text (not octets) between `start` and `end`, checked UTF-8. A slot holds the last string that fell into it. */
export const intern = (buf, start, end) => {
    const n = end - start;
    if (n === 0)
        return '';
    if (n > LONGEST)
        return buf.utf8Slice(start, end);
    const hash = (n * 67 + buf[start] * 31 + buf[end - 1] * 17 + buf[start + (n >> 1)] * 5 + buf[start + ((n * 3) >> 2)]) & (SLOTS - 1);
    const known = bytes[hash];
    if (known.length === n) {
        let i = 0;
        const last = n - 3;
        while (i < last && (diff(known, buf, i, start) | diff(known, buf, i + 1, start) | diff(known, buf, i + 2, start) | diff(known, buf, i + 3, start)) === 0)
            i += 4;
        while (i < n && known[i] === buf[start + i])
            i++;
        if (i === n)
            return texts[hash];
    }
    // a copy: a view would keep the socket's whole buffer
    bytes[hash] = Uint8Array.prototype.slice.call(buf, start, end);
    return (texts[hash] = buf.utf8Slice(start, end));
};
//# sourceMappingURL=intern.js.map