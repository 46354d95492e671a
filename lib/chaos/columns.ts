// Numbers kept by the million: one typed array a field, grown by half. A record is an index.

type Numbers = Int32Array | Uint8Array | Float64Array

export interface Columns<K extends string> {
  readonly size: number
  /** The next record; its fields are 0. */
  add(): number
  get(field: K, record: number): number
  set(field: K, record: number, value: number): void
}

export type Width = 'int' | 'byte' | 'float'

const MAKE: Record<Width, (length: number) => Numbers> = {
  int: (length) => new Int32Array(length), byte: (length) => new Uint8Array(length), float: (length) => new Float64Array(length),
}

export const columns = <K extends string>(fields: Record<K, Width>, most: number): Columns<K> => {
  const names = Object.keys(fields) as K[]
  let room = 1024
  const arrays = Object.fromEntries(names.map((name) => [name, MAKE[fields[name]](room)])) as unknown as Record<K, Numbers>
  let size = 0
  const grow = (): void => {
    room = Math.min(most, Math.ceil(room * 1.5))
    for (const name of names) {
      const wider = MAKE[fields[name]](room)
      wider.set(arrays[name])
      arrays[name] = wider
    }
  }
  return {
    get size() { return size },
    add: () => {
      if (size >= most) throw new Error(`more than ${most} records`)
      if (size >= room) grow()
      return size++
    },
    get: (field, record) => arrays[field][record] as number,
    set: (field, record, value) => {
      arrays[field][record] = value
    },
  }
}
