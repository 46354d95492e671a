// The client's side of SASL for tests, said step by step so that a test can say something wrong (RFC 5802 §3).
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import type { Element } from 'ltx'
import type { RawClient } from './client.js'

export const SASL_NS = 'urn:ietf:params:xml:ns:xmpp-sasl'
export const plain = (user: string, password: string, authzid = ''): Buffer => Buffer.from(`${authzid}\0${user}\0${password}`)
export const base64 = (data: Buffer | string): string => Buffer.from(data).toString('base64')

export interface ScramOptions {
  gs2?: string
  binding?: Buffer
  nonce?: string
  /** Replaces client-first-message-bare. */
  bare?: string
  /** What stands behind the nonce in the client-final-message. */
  extension?: string
}

export interface ScramClient {
  readonly first: string
  /** client-final-message, and the server's signature that it should lead to. */
  final(serverFirst: string): { message: string; signature: string }
}

export const scramClient = (mechanism: string, user: string, password: string, options: ScramOptions = {}): ScramClient => {
  const digest = mechanism.includes('256') ? 'sha256' : 'sha1'
  const { gs2 = 'n,,', binding = Buffer.alloc(0), nonce = randomBytes(12).toString('base64'), extension = '' } = options
  const bare = options.bare ?? `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  const hmac = (key: Buffer, data: string): Buffer => createHmac(digest, key).update(data).digest()
  return {
    first: gs2 + bare,
    final: (serverFirst) => {
      const [, full = '', salt = '', iterations = ''] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(serverFirst) ?? []
      const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), digest === 'sha1' ? 20 : 32, digest)
      const clientKey = hmac(salted, 'Client Key')
      const without = `c=${base64(Buffer.concat([Buffer.from(gs2), binding]))},r=${full}${extension}`
      const message = `${bare},${serverFirst},${without}`
      const signature = hmac(createHash(digest).update(clientKey).digest(), message)
      const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] as number)))
      return { message: `${without},p=${base64(proof)}`, signature: base64(hmac(hmac(salted, 'Server Key'), message)) }
    },
  }
}

const isAnswer = (e: Element): boolean => ['challenge', 'success', 'failure', 'stream:error'].includes(e.name)

/** Send one SASL element, get the answer. */
export const say = (client: RawClient, name: 'auth' | 'response' | 'abort', content = '', mechanism = ''): Promise<Element> => {
  client.send(`<${name} xmlns='${SASL_NS}'${mechanism === '' ? '' : ` mechanism='${mechanism}'`}>${content}</${name}>`)
  return client.next(isAnswer)
}

/** 'success', or the condition of the failure or of the stream error. */
export const outcome = (answer: Element): string =>
  answer.name === 'success' || answer.name === 'challenge' ? answer.name : answer.getChildElements()[0]?.name ?? ''

export const plainOutcome = async (client: RawClient, user: string, password: string, authzid = ''): Promise<string> =>
  outcome(await say(client, 'auth', base64(plain(user, password, authzid)), 'PLAIN'))

/** A whole SCRAM exchange; the outcome, and whether the server proved itself. */
export const scramOutcome = async (
  client: RawClient, mechanism: string, user: string, password: string, options: ScramOptions = {},
): Promise<{ outcome: string; proved: boolean; salt: string; iterations: number }> => {
  const scram = scramClient(mechanism, user, password, options)
  const challenge = await say(client, 'auth', base64(scram.first), mechanism)
  if (challenge.name !== 'challenge') return { outcome: outcome(challenge), proved: false, salt: '', iterations: 0 }
  const serverFirst = Buffer.from(challenge.getText(), 'base64').toString()
  const { message, signature } = scram.final(serverFirst)
  const answer = await say(client, 'response', base64(message))
  const [, salt = '', iterations = '0'] = /,s=([^,]*),i=(\d+)$/.exec(serverFirst) ?? []
  return {
    outcome: outcome(answer), salt, iterations: Number(iterations),
    proved: answer.name === 'success' && Buffer.from(answer.getText(), 'base64').toString() === `v=${signature}`,
  }
}

/** The conditions of what must come last: a stream error; then the stream is closed. */
export const streamError = async (client: RawClient): Promise<string> => {
  const error = await client.next((e) => e.name === 'stream:error')
  await client.ended
  return error.getChildElements()[0]?.name ?? ''
}
