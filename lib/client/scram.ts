// SCRAM-SHA-1 and -256 from the client's side (RFC 5802, RFC 7677), without channel binding. The keys are kept, as real clients keep
// them (RFC 5802 §3): a password is derived once, and coming back costs a client, as it does the server, a few hashes.
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { hash, hmac } from '../wire/scram-keys.js'

export type Digest = 'sha1' | 'sha256'

/** Belongs to one hash, salt and count: where the server names others, the password was set anew. */
export interface Keys {
  readonly digest: Digest
  readonly salt: string
  readonly iterations: number
  readonly client: Buffer
  readonly server: Buffer
}

export interface Secret {
  readonly local: string
  readonly password: string
  /** Of the log-in before; kept here. */
  keys?: Keys
}

export interface Scram {
  readonly first: string
  /** The answer to the server's first message; null: that makes no sense. */
  final(challenge: string): string | null
  /** Whether the server knows the password, too. */
  proves(success: string): boolean
}

const LENGTH = { sha1: 20, sha256: 32 } as const
const GS2 = 'n,,'

const derive = (digest: Digest, password: string, salt: string, iterations: number): Keys => {
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, LENGTH[digest], digest)
  return { digest, salt, iterations, client: hmac(digest, salted, 'Client Key'), server: hmac(digest, salted, 'Server Key') }
}

export const scram = (secret: Secret, nonce = randomBytes(18).toString('base64'), digest: Digest = 'sha256'): Scram => {
  const bare = `n=${secret.local.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  let expected = ''
  return {
    first: GS2 + bare,
    final: (challenge) => {
      const [, full = '', salt = '', count = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge) ?? []
      if (!full.startsWith(nonce) || full === nonce) return null
      const iterations = Number(count)
      const { keys } = secret
      if (keys?.salt !== salt || keys.iterations !== iterations || keys.digest !== digest) secret.keys = derive(digest, secret.password, salt, iterations)
      const { client, server } = secret.keys as Keys
      const without = `c=${Buffer.from(GS2).toString('base64')},r=${full}`
      const message = `${bare},${challenge},${without}`
      const signature = hmac(digest, hash(digest, client), message)
      expected = `v=${hmac(digest, server, message).toString('base64')}`
      return `${without},p=${Buffer.from(client.map((byte, i) => byte ^ (signature[i] as number))).toString('base64')}`
    },
    proves: (success) => expected !== '' && success === expected,
  }
}
