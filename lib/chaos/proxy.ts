// What stands between a node and a server that it needs, so that the two can be parted: nothing passes, and neither is told.
// And what passes can be looked at, to stop a node just when it has asked for something.
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'

export interface Proxy {
  /** Nothing passes any more, of connections that there are and of new ones. */
  part(): void
  /** What was held passes. @param broken connections that there were are broken instead, as by a router that has forgotten them */
  join(broken: boolean): void
  /** Call once, when the node has sent octets that hold this, and there is no answer yet. Returns how not to. */
  whenAsked(words: Buffer, act: () => void): () => void
  close(): void
}

/** @param to the server's port; asked for each connection where it is a function */
export const makeProxy = async (port: number, to: number | (() => number)): Promise<Proxy> => {
  const pairs = new Set<readonly [Socket, Socket]>()
  let parted = false
  let watch: { readonly words: Buffer; readonly act: () => void } | null = null

  const forward = (from: Socket, into: Socket, seen: (octets: Buffer) => void): void => {
    from.on('data', (octets: Buffer) => {
      if (!into.write(octets)) from.pause()
      seen(octets)
    })
    into.on('drain', () => {
      if (!parted) from.resume()
    })
    from.on('error', () => {})
    from.on('end', () => into.end())
    from.on('close', () => into.destroy())
  }
  const server: Server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: typeof to === 'number' ? to : to(), host: '127.0.0.1', allowHalfOpen: true })
    near.setNoDelay(true)
    far.setNoDelay(true)
    const pair = [near, far] as const
    pairs.add(pair)
    near.on('close', () => pairs.delete(pair))
    forward(near, far, (octets) => {
      if (watch === null || !octets.includes(watch.words)) return
      const { act } = watch
      watch = null
      act()
    })
    forward(far, near, () => {})
    if (parted) for (const socket of pair) socket.pause()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    part: () => {
      parted = true
      for (const pair of pairs) for (const socket of pair) socket.pause()
    },
    join: (broken) => {
      parted = false
      for (const pair of pairs) for (const socket of pair) {
        if (broken) socket.destroy()
        else socket.resume()
      }
    },
    whenAsked: (words, act) => {
      watch = { words, act }
      return () => {
        watch = null
      }
    },
    close: () => {
      server.close()
      for (const pair of pairs) for (const socket of pair) socket.destroy()
    },
  }
}
