// Several nodes of a cluster as one: each client connects to one of them by chance, each fault hits one of them.
import type { Node } from './node.js'
import type { Random } from './random.js'

export const nodesAsOne = (nodes: readonly Node[], random: Random): Node => {
  const down = new Set<Node>(nodes)
  /** Who stands still; null: nobody. */
  let frozen: Node | null = null
  const up = (): Node => {
    const some = nodes.filter((node) => !down.has(node))
    return random.pick(some.length > 0 ? some : nodes)
  }
  return {
    get where() { return random.pick(nodes).where },
    get pid() { return undefined },
    canKill: nodes.every((node) => node.canKill), canFreeze: nodes.every((node) => node.canFreeze),
    start: async () => {
      const all = [...down]
      down.clear()
      await Promise.all(all.map((node) => node.start()))
    },
    kill: async () => {
      const node = frozen ?? up()
      frozen = null
      down.add(node)
      await node.kill()
    },
    freeze: async (asked) => {
      frozen = up()
      await frozen.freeze(asked)
    },
    thaw: () => {
      frozen?.thaw()
      frozen = null
    },
    part: (from) => up().part?.(from) ?? (() => {}),
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
