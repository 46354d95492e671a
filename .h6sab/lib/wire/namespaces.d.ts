/** What the stream declares for all its elements. */
export interface Surroundings {
    readonly defaultNs: string;
    /** prefix → namespace, '' for the default namespace. */
    readonly namespaces: ReadonlyMap<string, string>;
}
/** Prefixes of one element that is being read. */
export interface Prefixes {
    /** Declarations in scope, innermost last; `at` = depth of the declaring element. */
    readonly declared: {
        readonly at: number;
        readonly prefix: string;
        readonly ns: string;
    }[];
    /** Those taken from the stream header: they must be declared in the element itself before it is passed on. */
    inherited: Set<string> | null;
}
/** The decoded value of an attribute. */
export declare const attrValue: (buf: Buffer, a: number) => string;
/** Note the declarations of the tag read last. Returns its default namespace, null where it declares none. */
export declare const declare: (buf: Buffer, prefixes: Prefixes, depth: number) => string | null;
/** The declarations go out of scope that are deeper than `depth`. */
export declare const undeclare: (prefixes: Prefixes, depth: number) => void;
/** The namespace of the prefix between `start` and `end`. XML Names 1.0 §5: it must be declared. */
export declare const resolve: (buf: Buffer, start: number, end: number, prefixes: Prefixes, around: Surroundings) => string;
/** Attributes with a prefix: it must be declared, and no two may have the same namespace and local name (XML Names 1.0 §6.3). */
export declare const checkAttributes: (buf: Buffer, prefixes: Prefixes, around: Surroundings) => void;
/** All attributes of the stream header, by their names as written, and its declarations. */
export declare const headerAttributes: (buf: Buffer) => {
    attributes: Map<string, string>;
    declared: Map<string, string>;
};
