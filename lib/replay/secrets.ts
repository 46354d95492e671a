// What a recording must not tell: passwords, payloads of SASL, tokens, keys to somebody's session. Each is replaced by words
// in brackets before a line is written. Octets in, octets out.

export interface Secrets {
  /** The item without its secrets. */
  hide(octets: string): string
}

/** An element with text, whatever its prefix; the second group is what stands between its tags. */
const element = (names: string): RegExp => new RegExp(`<((?:[\\w.-]+:)?(${names}))(\\s[^<>]*)?(?<!/)>([\\s\\S]*?)</\\1\\s*>`, 'g')

/** RFC 6120 §6.4, XEP-0388; XEP-0077 and -0078; FAST (XEP-0484); what else is called so. */
const SASL = element('auth|response|challenge|success|initial-response|additional-data')
const NAMED = element('password|digest|token|secret|header')
/** Forms (XEP-0004) that ask for one. */
const FIELD = /(<field(?=[^<>]*\svar\s*=\s*["'](?:password|secret|token|key)["'])[^<>]*>[\s\S]*?<value>)[\s\S]*?(<\/value>)/g
/** XEP-0215, FAST, and slots for uploads (XEP-0363), whose addresses are tokens. */
const ATTRIBUTE = /\s(password|token|secret)\s*=\s*(?:"[^"]*"|'[^']*')/g
const SLOT = /(<(?:[\w.-]+:)?put\s[^<>]*url\s*=\s*)(?:"[^"]*"|'[^']*')/g
/** XEP-0198: who knows it may take the session over. */
const RESUMPTION = /<((?:[\w.-]+:)?(?:enabled|resume|resumed))(\s[^<>]*)>/g

/** A password that was seen is looked for everywhere, unless it is so short that it may be a word. */
const TELLING = 6
const MOST_KNOWN = 1000

export const makeSecrets = (): Secrets => {
  const known = new Set<string>()
  const sessions = new Map<string, string>()

  const remember = (value: string): void => {
    if (value.length >= TELLING && known.size < MOST_KNOWN) known.add(value)
  }

  const session = (id: string): string => {
    const name = sessions.get(id) ?? `[session ${sessions.size + 1}]`
    if (sessions.size < MOST_KNOWN) sessions.set(id, name)
    return name
  }

  return {
    hide: (octets) => {
      let text = octets
        .replace(SASL, (whole, tag: string, name: string, attributes: string | undefined, payload: string) => {
          if (payload.includes('<') && !payload.includes('<![CDATA[')) return whole // elements: of XEP-0388, each replaced by itself
          return `<${tag}${attributes ?? ''}>${saslWords(name, payload, remember)}</${tag}>`
        })
        .replace(NAMED, (_, tag: string, name: string, attributes: string | undefined, payload: string) => {
          if (name === 'password') remember(payload)
          return `<${tag}${attributes ?? ''}>[${name.toUpperCase()}]</${tag}>`
        })
        .replace(FIELD, '$1[SECRET]$2')
        .replace(ATTRIBUTE, (_, name: string) => ` ${name}='[${name.toUpperCase()}]'`)
        .replace(SLOT, '$1\'[URL]\'')
      if (text.includes('urn:xmpp:sm:')) {
        text = text.replace(RESUMPTION, (_, tag: string, attributes: string) =>
          `<${tag}${attributes.replace(/(\s(?:id|previd)\s*=\s*)(?:"([^"]*)"|'([^']*)')/g, (_whole, name: string, a: string | undefined, b: string | undefined) => `${name}'${session(a ?? b ?? '')}'`)}>`)
      }
      for (const secret of known) if (text.includes(secret)) text = text.replaceAll(secret, '[PASSWORD]')
      return text
    },
  }
}

/** What kind of payload it was, with what a reader may want to know and nobody can use. */
const saslWords = (name: string, payload: string, remember: (secret: string) => void): string => {
  const base64 = payload.replace(/^<!\[CDATA\[|\]\]>$/g, '').trim()
  if (base64 === '' || base64 === '=') return base64
  const said = Buffer.from(base64, 'base64').toString()
  const plain = said.split('\0')
  if (plain.length === 3) {
    remember(plain[2] as string)
    return `[PLAIN: authzid='${plain[0] === '' ? '' : '…'}' authcid NUL password]`
  }
  const gs2 = /^([nyp])[^,]*,/.exec(said)?.[1]
  if (gs2 !== undefined && said.includes('r=')) return `[client-first: gs2=${gs2},,]`
  const iterations = /^r=[^,]*,s=[^,]*,i=(\d+)/.exec(said)?.[1]
  if (iterations !== undefined) return `[server-first: r= s= i=${iterations}]`
  if (said.startsWith('c=')) return '[client-final: c= r= p=]'
  return said.startsWith('v=') ? '[server-final: v=]' : `[${name}]`
}
