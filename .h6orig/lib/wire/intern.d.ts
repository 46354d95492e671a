/** The octets between `start` and `end` as a string. A slot holds the last string that fell into it. */
export declare const intern: (buf: Buffer, start: number, end: number) => string;
