/** A runtime cannot be had. The message is one sentence that says what to do; nothing was left half installed. */
export class RuntimeInstallError extends Error {
  override name = 'RuntimeInstallError';
}

const MEGABYTE = 1e6;
const megabytes = (byteCount: number) => `${Math.ceil(byteCount / MEGABYTE)} MB`;

/** Every way in which an installation fails, in the user's words. `title` is as "LibTorch 2.11.0". */
export const installErrors = {
  unknownRuntime: (name: string, known: readonly string[]) =>
    new RuntimeInstallError(`there is no runtime '${name}', wanted one of: ${known.join(', ')}`),
  unsupportedPlatform: (title: string, seen: string, wanted: string) =>
    new RuntimeInstallError(
      `${title} is pinned for ${wanted} and this is ${seen}: name a folder that has it in TUTTI_RUNTIMES_PATH`,
    ),
  noPython: (title: string) =>
    new RuntimeInstallError(
      `${title} is fetched with pip and there is no python3 here: install it (apt-get install python3-pip), or use --from with a folder of wheels`,
    ),
  noPip: (title: string) =>
    new RuntimeInstallError(
      `${title} is fetched with pip and this python3 has neither pip nor venv: apt-get install python3-pip, or use --from with a folder of wheels`,
    ),
  noNetwork: (title: string, reason: string) =>
    new RuntimeInstallError(
      `${title} could not be downloaded because pip reaches no package index (${reason}): connect, or set pip's index or proxy, and run 'tutti runtimes install' again, or use --from with a folder of wheels`,
    ),
  notInIndex: (title: string, reason: string) =>
    new RuntimeInstallError(
      `${title} is not in the package index that pip is set to use (${reason}): use another index, or --from with a folder of wheels`,
    ),
  downloadFailed: (title: string, reason: string) =>
    new RuntimeInstallError(`${title} could not be downloaded, pip says: ${reason}`),
  wrongHash: (fileName: string, seen: string, wanted: string) =>
    new RuntimeInstallError(
      `${fileName} has SHA-256 ${seen}, wanted ${wanted}: it is damaged or not the pinned release, delete it and fetch it again`,
    ),
  wheelMissing: (folder: string, fileName: string) =>
    new RuntimeInstallError(
      `${folder} has no ${fileName}: copy it there from a machine with network (pip download), its hash is checked`,
    ),
  wheelUnreadable: (fileName: string, reason: string) =>
    new RuntimeInstallError(
      `${fileName} cannot be unpacked (${reason}): delete it and fetch it again`,
    ),
  pieceMissing: (fileName: string, piece: string) =>
    new RuntimeInstallError(
      `${fileName} has no ${piece}, which the manifest names: the two do not belong together`,
    ),
  diskFull: (folder: string, neededBytes?: number, freeBytes?: number) =>
    new RuntimeInstallError(
      neededBytes === undefined || freeBytes === undefined
        ? `the disk of ${folder} is full: free some space, or set XDG_CACHE_HOME to a folder on another disk`
        : `${folder} needs ${megabytes(neededBytes)} of free space and has ${megabytes(freeBytes)}: free some, or set XDG_CACHE_HOME to a folder on another disk`,
    ),
  cacheUnwritable: (folder: string, reason: string) =>
    new RuntimeInstallError(
      `the cache folder ${folder} cannot be written (${reason}): make it writable, or set XDG_CACHE_HOME to a folder that is`,
    ),
  noCompiler: (title: string, reason: string) =>
    new RuntimeInstallError(
      `${title} needs a C compiler to finish (${reason}): apt-get install build-essential, or set CC to yours`,
    ),
  interrupted: (title: string) =>
    new RuntimeInstallError(
      `the installation of ${title} was interrupted: nothing is left of it, run it again`,
    ),
} as const;

const UNWRITABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ELOOP']);
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** The sentence for what the file system answered while we wrote below `folder`; any other error comes back as it is. */
export function wordFileError(error: unknown, folder: string): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const code = String(error.code);
  if (FULL.has(code)) return installErrors.diskFull(folder);
  if (UNWRITABLE.has(code)) return installErrors.cacheUnwritable(folder, code);
  return error;
}
