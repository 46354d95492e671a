// HOST:PORT on a command line, and numbers with a range: what more than one tool reads.
import { UsageError } from '../base/errors.js'

export interface Target {
  readonly host: string
  readonly port: number
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/

/** This machine, by an address or name that is always it. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host)

/** @param flag as the user wrote it, for the error */
export const targetOf = (flag: string, text: string): Target => {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(text) ?? []
  if (host === '' || Number(port) < 1 || Number(port) > 65_535) throw new UsageError(`${flag} is '${text}'; it must be HOST:PORT`)
  return { host: host.replace(/[[\]]/g, ''), port: Number(port) }
}

export const wholeNumber = (flag: string, text: string, least: number, most: number): number => {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < least || number > most) throw new UsageError(`${flag} is '${text}'; it must be a number from ${least} to ${most}`)
  return number
}

/** Also with a fraction. */
export const realNumber = (flag: string, text: string, least: number, most: number): number => {
  const number = Number(text)
  if (!/^\d+(?:\.\d+)?$/.test(text) || number < least || number > most) throw new UsageError(`${flag} is '${text}'; it must be a number from ${least} to ${most}`)
  return number
}
