// tr46 brings no types.
declare module 'tr46' {
  interface Options {
    checkBidi?: boolean
    checkHyphens?: boolean
    checkJoiners?: boolean
    ignoreInvalidPunycode?: boolean
    transitionalProcessing?: boolean
    useSTD3ASCIIRules?: boolean
  }
  export const toASCII: (domain: string, options?: Options & { verifyDNSLength?: boolean }) => string | null
  export const toUnicode: (domain: string, options?: Options) => { domain: string; error: boolean }
}
