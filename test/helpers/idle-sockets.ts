// Many sockets that never log in, in a process of its own, for each takes a descriptor on either side. From ten addresses;
// a third says nothing, a third sends a header, a third white space. Prints "opened N", and "over" when all were closed.
import { connect } from 'node:net'
import { header } from './client.js'

const [port, count] = process.argv.slice(2).map(Number) as [number, number]
const AT_ONCE = 500
const says = ['', header(), ' ']
let opened = 0
let open = 0

const one = (i: number): Promise<void> => new Promise((resolve) => {
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.1.${1 + i % 10}` })
  socket.once('connect', () => {
    opened++
    open++
    socket.write(says[i % 3] as string)
    socket.once('close', () => {
      if (--open === 0 && opened === count) console.log('over')
    })
    resolve()
  })
  socket.on('error', () => resolve())
  socket.resume()
})

for (let i = 0; i < count; i += AT_ONCE) await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, j) => one(i + j)))
console.log(`opened ${opened}`)
