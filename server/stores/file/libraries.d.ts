/** The parts that we call of two libraries which bring no types, or outdated ones. */

declare module 'fs-native-extensions' {
  /** Takes an exclusive lock on an open file, held by this descriptor and freed by the kernel with it. False when another holds it. */
  export function tryLock(fd: number, options?: { shared?: boolean }): boolean
  export function unlock(fd: number): void
  /** Exchanges two names in one step. @throws the system's error: EINVAL or the like where the file system cannot do it */
  export function swapSync(from: string, to: string): void
}

declare module 'write-file-atomic' {
  export default function writeFileAtomic(
    filename: string,
    data: string,
    options: { mode?: number; chown?: { uid: number; gid: number }; tmpfileCreated?: (temporary: string) => Promise<void> },
  ): Promise<void>
}
