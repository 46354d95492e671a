// The floor under presence fan-out: a bare Node loop that writes one frame to each of 1,000 sockets, and again when all have
// it (window 1), or ten at a time in one write (window 10). What jidway needs beyond that is its own.
//   node dist/test/bench/write-loop.js
// Prints µs of CPU of this process for each frame delivered; the readers are a process of their own.
import { fork } from 'node:child_process'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

const SOCKETS = 1000
const FRAME = "<presence from='user0@localhost/xl' to='user1000@localhost'><status>1234567890 1234567890</status></presence>"
const SECONDS = 3

const readers = (port: number): void => {
  let octets = 0
  for (let i = 0; i < SOCKETS; i++) {
    connect({ port, host: '127.0.0.1' }).on('data', (data) => {
      octets += data.length
      if (octets % (SOCKETS * FRAME.length) === 0) process.send?.(octets)
    })
  }
}

const loop = async (): Promise<void> => {
  const sockets: Socket[] = []
  const server = createServer({ noDelay: true }, (socket) => void sockets.push(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const child = fork(fileURLToPath(import.meta.url), [String((server.address() as AddressInfo).port)])
  while (sockets.length < SOCKETS) await new Promise((resolve) => setTimeout(resolve, 50))
  let sent = 0
  for (const window of [1, 10]) {
    const piece = FRAME.repeat(window)
    const start = { cpu: process.cpuUsage(), at: performance.now() }
    let frames = 0
    while (performance.now() - start.at < SECONDS * 1000) {
      sent += SOCKETS * piece.length
      const all = new Promise<void>((resolve) => {
        const heard = (octets: number): void => {
          if (octets !== sent) return
          child.off('message', heard)
          resolve()
        }
        child.on('message', heard)
      })
      for (const socket of sockets) socket.write(piece, 'latin1')
      await all
      frames += SOCKETS * window
    }
    const { user, system } = process.cpuUsage(start.cpu)
    console.log(`window ${window}: ${((user + system) / frames).toFixed(2)} µs a frame`)
  }
  child.kill()
  server.close()
  for (const socket of sockets) socket.destroy()
}

const port = process.argv[2]
if (port === undefined) await loop()
else readers(Number(port))
