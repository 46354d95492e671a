// Several nodes of a cluster as one: each client connects to one of them by chance, each fault hits one of them.
import type { Node } from './node.js'
import type { Random } from './random.js'

export const nodesAsOne = (nodes: readonly Node[], random: Random): Node => {
  const down = new Set<Node>(nodes)
  /** Who is being disturbed; null: nobody. */
  let victim: Node | null = null
  const next = (): Node => (victim ??= random.pick(nodes))
  return {
    get where() { return random.pick(nodes).where },
    get pid() { return undefined },
    canKill: nodes.every((node) => node.canKill), canFreeze: nodes.every((node) => node.canFreeze),
    start: async () => {
      victim = null
      const all = [...down]
      down.clear()
      await Promise.all(all.map((node) => node.start()))
    },
    kill: async () => {
      const node = next()
      down.add(node)
      await node.kill()
    },
    freeze: () => next().freeze(),
    thaw: () => {
      victim?.thaw()
      victim = null
    },
    stop: async () => {
      for (const node of nodes) await node.stop()
    },
    abandon: () => nodes.forEach((node) => node.abandon()),
    onDeath: (heard) => {
      for (const node of nodes) {
        node.onDeath((how) => {
          down.add(node)
          heard(how)
        })
      }
    },
  }
}
