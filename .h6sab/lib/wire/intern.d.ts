/** The text (not octets) between `start` and `end`, checked UTF-8. A slot holds the last string that fell into it. */
export declare const intern: (buf: Buffer, start: number, end: number) => string;
