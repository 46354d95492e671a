// One line of `doctor`.

export interface Finding {
  readonly state: 'ok' | 'warn' | 'fail'
  readonly about: string
  readonly text: string
  /** What to do; '' where nothing is. */
  readonly advice: string
}

export const ok = (about: string, text: string): Finding => ({ state: 'ok', about, text, advice: '' })
export const warn = (about: string, text: string, advice: string): Finding => ({ state: 'warn', about, text, advice })
export const bad = (about: string, text: string, advice: string): Finding => ({ state: 'fail', about, text, advice })
