// What goes between the server's thread and the thread of the embedded database.

export interface Ask {
  readonly id: number
  /** 0: outside of any transaction. */
  readonly tx: number
  readonly what: 'query' | 'exec' | 'begin' | 'commit' | 'rollback' | 'close'
  readonly text: string
  readonly values: readonly unknown[]
}

export interface Answer {
  readonly id: number
  readonly rows?: unknown[]
  readonly error?: { message: string; code: string | undefined }
}
