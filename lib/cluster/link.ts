// The connection to NATS: opened by a URL, opened again for ever, and closed. Everybody's subscriptions come back with it.
import { connect } from '@nats-io/transport-node'
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'
import { UsageError } from '../base/errors.js'

/** ms between two tries to connect again, with up to half as much more by chance; and for one try. */
const AGAIN = 250
const TRY = 5000
/** ms between two pings of the connection; two without an answer end it: a frozen server is noticed after three of these. */
const PING = 3000

export interface Watcher {
  /** It broke. What was on its way may be lost. */
  down(): void
  /** It is there again: what is published from now on is heard here. */
  up(): void
  report(error: unknown): void
}

export interface Link {
  /** Call once, in the turn in which it was opened. */
  watch(watcher: Watcher): void
  readonly nc: NatsConnection
  readonly up: boolean
  /** Octets: `max_payload` of the server. */
  readonly payload: number
  /** True when the server has got all that was published and subscribed to; false when it has not said so after `ms`. */
  flush(ms: number): Promise<boolean>
  close(): Promise<void>
}

/** How the library wants it. UsageError where the URL is none that works. */
export const connectionOptions = (text: string): ConnectionOptions => {
  if (!URL.canParse(text)) throw new UsageError('NATS_URL is no URL')
  const url = new URL(text)
  if (url.protocol !== 'nats:' && url.protocol !== 'tls:') throw new UsageError(`NATS_URL must begin with nats:// or tls://, not ${url.protocol}//`)
  if (url.hostname === '') throw new UsageError('NATS_URL names no host')
  const user = decodeURIComponent(url.username)
  return {
    servers: `${url.hostname}:${url.port === '' ? 4222 : url.port}`,
    ...(url.protocol === 'tls:' ? { tls: {} } : {}),
    // as in other programs for NATS: a name without a password is a token
    ...(user === '' ? {} : url.password === '' ? { token: user } : { user, pass: decodeURIComponent(url.password) }),
  }
}

/** @param name shown by NATS to its operator */
export const openLink = async (url: string, name: string): Promise<Link> => {
  const options = connectionOptions(url)
  const nc = await connect({
    ...options, name, timeout: TRY, pingInterval: PING, maxPingOut: 2, reconnectTimeWait: AGAIN, reconnectJitter: AGAIN / 2, reconnectJitterTLS: AGAIN / 2,
    maxReconnectAttempts: -1, ignoreAuthErrorAbort: true, noAsyncTraces: true,
  }).catch((error: unknown) => {
    throw new UsageError(`no connection to NATS at ${String(options.servers)}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  })
  let up = true
  let closing = false
  let payload = nc.info?.max_payload ?? 0

  const watch = async (watcher: Watcher): Promise<void> => {
    /** The library says so before the server has seen the subscriptions: a round trip more, or something is missed unnoticed. */
    const again = (): void => {
      nc.flush().then(() => {
        if (closing) return
        up = true
        payload = nc.info?.max_payload ?? payload
        watcher.up()
      }, () => {}) // it broke again; the next one comes
    }
    for await (const { type, ...more } of nc.status()) {
      if (type === 'error') watcher.report('error' in more ? more.error : type)
      if (type === 'close' && !closing) watcher.report(new Error('the connection to NATS was closed for good'))
      if (type === 'disconnect' || type === 'close') {
        up = false
        watcher.down()
      }
      if (type === 'reconnect') again()
    }
  }

  return {
    nc,
    get up() {
      return up
    },
    get payload() {
      return payload
    },
    watch: (watcher) => void watch(watcher).catch(watcher.report),
    flush: async (ms) => {
      let done = false
      if (up) await within(nc.flush().then(() => (done = true), () => {}), ms)
      return done
    },
    close: async () => {
      closing = true
      await nc.close()
    },
  }
}

/** Resolves with `done`, or after `ms`. */
export const within = async (done: Promise<unknown>, ms: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([done, new Promise((resolve) => {
    timer = setTimeout(resolve, ms)
    timer.unref()
  })])
  clearTimeout(timer)
}
