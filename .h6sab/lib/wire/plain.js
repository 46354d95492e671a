// The message of SASL PLAIN (RFC 4616 §2): [authzid] NUL authcid NUL password.
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** null where it is malformed: not exactly two NULs, nothing before or after the second, not UTF-8. */
export const decodePlain = (data) => {
    let text;
    try {
        text = UTF8.decode(data);
    }
    catch {
        return null;
    }
    const parts = text.split('\0');
    const [authzid, authcid, password] = parts;
    // a NUL behind the password, and what follows it, is no part of it
    if (parts.length !== 3 || authzid === undefined || authcid === undefined || password === undefined || authcid === '' || password === '')
        return null;
    return { authzid, authcid, password };
};
//# sourceMappingURL=plain.js.map