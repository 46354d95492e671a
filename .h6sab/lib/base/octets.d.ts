/** Text → octet string (UTF-8). */
export declare const toOctets: (text: string) => string;
/** Octet string → text. The octets must be valid UTF-8 (the framer has checked them). */
export declare const toText: (octets: string) => string;
/** A copy that shares no memory: a slice keeps the whole string alive that it was cut from. For what is kept long. */
export declare const ownCopy: (octets: string) => string;
