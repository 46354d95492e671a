import { StanzaError } from '../base/errors.js'

/** What the store has no answer to may be tried again: the sender is told so (RFC 6120 §8.3.3.17, type 'wait'). */
export const orWait = async <T>(work: T | Promise<T>, text: string): Promise<T> => {
  try {
    return await work
  } catch (error) {
    throw error instanceof StanzaError ? error : new StanzaError('resource-constraint', text, { type: 'wait', cause: error })
  }
}
