/** The parts that we use of two libraries that have no types, or outdated ones. */

declare module 'fs-native-extensions' {
  /**
   * Takes an exclusive or shared lock on an open file. The descriptor holds it, and the kernel releases it with the descriptor. @returns
   * false when another one holds it
   */
  export function tryLock(fd: number, options?: { shared?: boolean }): boolean
  export function unlock(fd: number): void
  /** Exchanges two names in one step. @throws the system's error: EINVAL or the like where the file system cannot do it */
  export function swapSync(from: string, to: string): void
}

declare module 'write-file-atomic' {
  interface Options {
    mode?: number
    chown?: { uid: number; gid: number }
  }
  function writeFileAtomic(filename: string, data: string, options: Options): Promise<void>
  namespace writeFileAtomic {
    function sync(filename: string, data: string, options: Options & { tmpfileCreated?: (temporary: string) => void }): void
  }
  export default writeFileAtomic
}
