// Which rows of the log are in the archive, and what of them can be seen without reading them.
//
// `flags & 1 <> 0`, not `= 1`: Postgres takes the first for nearly all rows, as they are, and the second for one in two
// hundred, and would gather and sort a whole conversation rather than walk along the index until a page is full.

/** A message to oneself has two entries, and is in the archive once (XEP-0313 §6.1.1): as received, the way it was delivered. */
export const IN_ARCHIVE = 'flags & 1 <> 0 and (flags & 4 = 0 or peer <> account)'

/** The start tag of the stanza. In values of attributes '>' may stand as it is. */
export const HEAD = 'substring(xml from $$^<(?:[^\'">]|\'[^\']*\'|"[^"]*")*>$$) as head'
