/** Unpacks the wanted pieces of a wheel, which is a zip file, and nothing else of it. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as yauzl from 'yauzl';
import { installErrors, RuntimeInstallError } from './install-error.ts';
import type { KeptPiece } from './manifest.ts';

/** One file as it was written, for `tutti runtimes verify`. */
export interface UnpackedFile {
  path: string;
  bytes: number;
  sha256: string;
}

/**
 * @param onBytes Called with the number of bytes written since the last call.
 * @returns What was written below `folder`.
 * @throws {RuntimeInstallError} The wheel is damaged, or lacks one of `pieces`.
 */
export async function unpackWheel(
  wheelPath: string,
  pieces: readonly KeptPiece[],
  folder: string,
  onBytes: (byteCount: number) => void,
  signal?: AbortSignal,
): Promise<UnpackedFile[]> {
  const files: UnpackedFile[] = [];
  const missing = new Set(pieces);
  try {
    const wheel = await yauzl.openPromise(wheelPath, { autoClose: true });
    for await (const entry of wheel.eachEntry()) {
      const piece = pieces.find((piece) => isWithin(entry.fileName, piece));
      if (piece === undefined || entry.fileName.endsWith('/')) continue;
      missing.delete(piece);
      // yauzl refuses absolute names and names with '..', so this stays below `folder`.
      const path =
        piece.to + (piece.from.endsWith('/') ? entry.fileName.slice(piece.from.length) : '');
      const content = await wheel.openReadStreamPromise(entry);
      files.push(await writeHashed(content, folder, path, onBytes, signal));
    }
  } catch (error) {
    // What the file system says has a code and is worded by the caller; the rest is the wheel's own fault.
    if (error instanceof RuntimeInstallError || !(error instanceof Error) || 'code' in error)
      throw error;
    throw installErrors.wheelUnreadable(basename(wheelPath), error.message);
  }
  for (const piece of missing) throw installErrors.pieceMissing(basename(wheelPath), piece.from);
  return files;
}

function isWithin(fileName: string, piece: KeptPiece): boolean {
  return piece.from.endsWith('/') ? fileName.startsWith(piece.from) : fileName === piece.from;
}

async function writeHashed(
  content: NodeJS.ReadableStream,
  folder: string,
  path: string,
  onBytes: (byteCount: number) => void,
  signal: AbortSignal | undefined,
): Promise<UnpackedFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      onBytes(chunk.length);
      done(null, chunk);
    },
  });
  const target = join(folder, path);
  await mkdir(dirname(target), { recursive: true });
  await pipeline(content, count, createWriteStream(target), signal ? { signal } : {});
  return { path, bytes, sha256: hash.digest('hex') };
}
