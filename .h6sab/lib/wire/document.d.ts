/** '<?' at the start of a stream: it must be an XML declaration (XML 1.0 §2.8), and of UTF-8 (RFC 6120 §11.5, §11.6). */
export declare const readDeclaration: (buf: Buffer, pos: number, end: number) => number;
/** '</' between top-level elements. @param name the stream's opening tag as octets, '' where no stream is open */
export declare const readStreamEnd: (buf: Buffer, pos: number, end: number, name: string) => number;
/**
 * Something else than a tag or white space at stream level. `~pos` when it cannot be told yet; else it throws.
 * @param first nothing but white space was read before it
 * @param opening the stream header is still to come
 */
export declare const strayText: (buf: Buffer, pos: number, end: number, first: boolean, opening: boolean) => number;
