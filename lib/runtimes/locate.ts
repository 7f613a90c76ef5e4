/** Where the native libraries and the installed runtimes are. Cheap: the server asks when it starts. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, runtimesFolder } from './cache.ts';
import { type Runtime, runtimeFolderName, runtimes } from './manifest.ts';

/** The last file of an installation; it names what it is. */
export const STAMP_FILE = 'tutti-runtime.json';

/** A runtime that can be opened. */
export interface RuntimeLocation {
  name: string;
  version: string;
  /** For LibTorch the folder of `lib` and `include`, for the others that of the libraries. */
  folder: string;
  /** Full paths, to be opened in this order before the backend. */
  preload: readonly string[];
  /** Variables that must be set before it is opened. */
  environment: Readonly<Record<string, string>>;
  /** Of an existing Python installation (TUTTI_RUNTIMES_PATH), used where it is, or of our cache. */
  source: 'site-packages' | 'cache';
}

export interface LocateOptions {
  environment?: NodeJS.ProcessEnv;
}

/**
 * The folder of `tutti.node` and of the backends, `tutti_backend_<name>.so`.
 * Compiled files lie three levels below its parent both in a checkout, `build/js/lib/runtimes`, and in
 * an installed prefix, `lib/tutti/js/lib/runtimes`.
 */
export function nativeFolder(): string {
  return fileURLToPath(new URL('../../../native', import.meta.url));
}

/** Finds a runtime by its name in the manifest: in TUTTI_RUNTIMES_PATH, else in the cache. */
export function runtimeFolder(
  name: string,
  options: LocateOptions = {},
): RuntimeLocation | undefined {
  const runtime = runtimes.find((runtime) => runtime.name === name);
  return runtime && locateRuntime(runtime, options);
}

export function locateRuntime(
  runtime: Runtime,
  options: LocateOptions = {},
): RuntimeLocation | undefined {
  const environment = options.environment ?? process.env;
  const sitePackages = environment.TUTTI_RUNTIMES_PATH;
  const inPlace = sitePackages ? locateInSitePackages(runtime, sitePackages) : undefined;
  if (inPlace) return inPlace;
  const folder = installedFolder(runtime, cacheFolder(environment));
  if (folder === undefined) return undefined;
  return {
    name: runtime.name,
    version: runtime.version,
    folder,
    preload: runtime.preload.map((path) => join(folder, path)),
    environment: runtime.environment ?? {},
    source: 'cache',
  };
}

/** The folder of a whole installation in the cache. */
export function installedFolder(runtime: Runtime, cache: string): string | undefined {
  const folder = join(runtimesFolder(cache), runtimeFolderName(runtime));
  return existsSync(join(folder, STAMP_FILE)) ? folder : undefined;
}

function locateInSitePackages(runtime: Runtime, sitePackages: string): RuntimeLocation | undefined {
  const { folder, projects, preload, isPinned } = runtime.inSitePackages;
  const paths: string[] = [];
  for (const pattern of preload) {
    const path = findLibrary(join(sitePackages, pattern));
    if (path === undefined) return undefined;
    paths.push(path);
  }
  const version = projectVersion(sitePackages, projects);
  if (version === undefined || (isPinned && version !== runtime.version)) return undefined;
  return {
    name: runtime.name,
    version,
    folder: join(sitePackages, folder),
    preload: paths,
    environment: runtime.environment ?? {},
    source: 'site-packages',
  };
}

/** `path` may end in `.*`, for a library whose file name carries its release. */
function findLibrary(path: string): string | undefined {
  if (!path.endsWith('.*')) return existsSync(path) ? path : undefined;
  const folder = dirname(path);
  if (!existsSync(folder)) return undefined;
  const prefix = basename(path).slice(0, -1);
  const name = readdirSync(folder).find((name) => name.startsWith(prefix));
  return name && join(folder, name);
}

/** From the metadata that pip leaves beside a package, as `torch-2.11.0.dist-info/METADATA`. */
function projectVersion(sitePackages: string, projects: readonly string[]): string | undefined {
  const metadataFolder = readdirSync(sitePackages).find(
    (name) =>
      name.endsWith('.dist-info') && projects.some((project) => name.startsWith(`${project}-`)),
  );
  if (metadataFolder === undefined) return undefined;
  const metadata = readFileSync(join(sitePackages, metadataFolder, 'METADATA'), 'utf8');
  return /^Version: (\S+)$/m.exec(metadata)?.[1];
}
