// Replaces files as a whole.

import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Whoever reads the file sees the old one or the new one, also after a power cut.
 * @param mode Permissions of the new one.
 * @throws {Error} With `code`; the old one stays.
 */
export async function writeWholeFile(
  path: string,
  content: string | Buffer,
  mode: number,
): Promise<void> {
  const partial = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    const file = await open(partial, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  const folder = await open(dirname(path));
  await folder.sync().finally(() => folder.close());
}
