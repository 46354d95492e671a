// SCRAM-SHA-1 and SCRAM-SHA-256, with and without channel binding (RFC 5802, RFC 7677), the server's side.
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { fail, isOwn, keysFor } from './sasl-exchange.js'
import type { BindingType, SaslContext, SaslStep } from './sasl-exchange.js'
import { digestOf, hash, hmac } from './scram-keys.js'
import type { Credential, HashMechanism } from './scram-keys.js'

interface ClientFirst {
  /** Up to and with the second comma; comes again, in base64, with the proof. */
  readonly gs2: string
  readonly flag: 'n' | 'y' | 'p'
  readonly binding: string
  readonly authzid: string
  readonly bare: string
  readonly name: string
  readonly nonce: string
}

/** RFC 5802 §5.1: ',' and '=' in names are written =2C and =3D; any other '=' is an error. */
const saslName = (text: string): string | null =>
  /=(?!2C|3D)/.test(text) ? null : text.replaceAll('=2C', ',').replaceAll('=3D', '=')

// RFC 5802 §7. Extensions are skipped, but `m=` (§5.1: one that must be understood) is refused wherever it stands
const FIRST = /^((n|y|p=([A-Za-z0-9.-]+)),(?:a=([^,]*))?,)(n=([^,]*),r=([!-+\x2d-~]+)(?:,[A-Za-ln-z]=[^,]+)*)$/
const FINAL = /^(c=([A-Za-z0-9+/=]*),r=([!-+\x2d-~]+)(?:,[A-Za-ln-z]=[^,]+)*),p=([A-Za-z0-9+/=]+)$/

const parseFirst = (text: string): ClientFirst | null => {
  const match = FIRST.exec(text)
  if (match === null) return null
  const [, gs2, flag, binding = '', rawAuthzid = '', bare, rawName, nonce] = match as unknown as [string, string, string, string?, string?, ...string[]]
  const name = saslName(rawName as string)
  const authzid = saslName(rawAuthzid)
  if (name === null || name === '' || authzid === null) return null
  return { gs2, flag: flag.slice(0, 1) as ClientFirst['flag'], binding, authzid, bare: bare as string, name, nonce: nonce as string }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const decode = (data: Buffer): string | null => {
  try {
    return UTF8.decode(data)
  } catch {
    return null
  }
}

/** Why this binding is refused; null: it is fine (RFC 5802 §6). */
const bindingProblem = ({ flag, binding }: ClientFirst, plus: boolean, context: SaslContext): string | null => {
  if (plus !== (flag === 'p')) return plus ? 'a -PLUS mechanism without channel binding' : 'channel binding without a -PLUS mechanism'
  if (flag === 'p' && !context.bindings.has(binding as BindingType)) return `channel binding ${binding} is not possible here`
  // "I could bind, but you did not offer it": we did, so somebody took the offer out
  if (flag === 'y' && context.channelBinding === 'strict' && context.bindings.size > 0) return 'the offer of channel binding did not reach the client'
  return null
}

/** Constant-time, also for different lengths. */
const same = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b)

const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, i) => byte ^ (b[i] as number)))

export const scramExchange = (mechanism: HashMechanism, plus: boolean, context: SaslContext): (data: Buffer) => Promise<SaslStep> => {
  const digest = digestOf(mechanism)
  let state: { first: ClientFirst; username: string | null; credential: Credential; nonce: string; serverFirst: string } | null = null

  const begin = async (data: Buffer): Promise<SaslStep> => {
    const first = parseFirst(decode(data) ?? '')
    if (first === null) return fail('malformed-request', 'no client-first-message')
    const problem = bindingProblem(first, plus, context)
    if (problem !== null) return fail('not-authorized', problem)
    const username = context.prepare(first.name)
    const credential = await keysFor(context, username, first.name, mechanism)
    const nonce = first.nonce + (context.nonce ?? randomBytes(18).toString('base64'))
    const serverFirst = `r=${nonce},s=${credential.salt.toString('base64')},i=${credential.iterations}`
    state = { first, username, credential, nonce, serverFirst }
    return { kind: 'challenge', data: Buffer.from(serverFirst) }
  }

  const end = ({ first, username, credential, nonce, serverFirst }: NonNullable<typeof state>, data: Buffer): SaslStep => {
    const match = FINAL.exec(decode(data) ?? '')
    if (match === null) return fail('malformed-request', 'no client-final-message')
    const [, withoutProof, bound, finalNonce, proof64] = match as unknown as [string, string, string, string, string]
    if (finalNonce !== nonce) return fail('not-authorized', 'another nonce', username)
    // the gs2 header again, and with -PLUS the binding's data behind it
    const expected = Buffer.concat([Buffer.from(first.gs2), first.flag === 'p' ? context.bindings.get(first.binding as BindingType) as Buffer : Buffer.alloc(0)])
    if (!same(Buffer.from(bound, 'base64'), expected)) return fail('not-authorized', 'another channel, or another gs2 header', username)
    const message = `${first.bare},${serverFirst},${withoutProof}`
    const proof = Buffer.from(proof64, 'base64')
    const signature = hmac(digest, credential.storedKey, message)
    const right = proof.length === signature.length && same(hash(digest, xor(proof, signature)), credential.storedKey)
    if (!right || username === null) return fail('not-authorized', 'wrong name or password', username, true)
    if (!isOwn(first.authzid, username, context)) return fail('invalid-authzid', 'another\'s authorization identity', username)
    return { kind: 'success', data: Buffer.from(`v=${hmac(digest, credential.serverKey, message).toString('base64')}`), username }
  }

  return async (data) => {
    if (state === null) return begin(data)
    const step = end(state, data)
    state = null
    return step
  }
}
