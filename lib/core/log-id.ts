// The name of an entry of the message log for clients (XEP-0359): an opaque form of its number and its random bits, so that a
// number which a crash of the database gave out twice is never the same id (durability.md D5).

export interface LogId {
  readonly seq: number
  readonly mark: number
}

/** `mark` is a signed 32-bit integer. */
export const idOf = ({ seq, mark }: LogId): string => `${seq.toString(36)}-${(mark >>> 0).toString(36)}`

/** null: no id of ours. */
export const logId = (id: string): LogId | null => {
  const match = /^([0-9a-z]{1,10})-([0-9a-z]{1,7})$/.exec(id)
  if (match === null) return null
  const seq = Number.parseInt(match[1] as string, 36)
  const mark = Number.parseInt(match[2] as string, 36)
  return Number.isSafeInteger(seq) && mark <= 0xff_ff_ff_ff ? { seq, mark: mark | 0 } : null
}
