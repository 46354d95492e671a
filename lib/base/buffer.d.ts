// Node's own slicing methods, missing in its type declarations. Measured against toString('latin1', …), they skip the
// look-up of the encoding's name, which is a third of the cost for a short slice.
declare global {
  interface Buffer {
    latin1Slice(start?: number, end?: number): string
    utf8Slice(start?: number, end?: number): string
  }
}
export {}
