// The users that there are before the first client: `user` lines of the configuration file, or a file
// of their own.

import { readFileSync } from 'node:fs';
import { Acl, type InitialUsers, noUsers, UserFileError } from '../auth/acl.ts';
import { fatal } from '../config/command-line.ts';
import type { Settings, UserDirective } from '../config/settings.ts';
import { asText, fromBytes, fromText } from '../core/byte-string.ts';
import { ReplyError } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { systemReason } from '../core/system-error.ts';

/** The file of users cannot be taken: the server must not start. */
export class FirstUsersError extends Error {}

/**
 * Reads and checks them. Without any, nothing is loaded for it.
 * @throws {FatalConfigError | FirstUsersError} What is wrong with them: the server must not start.
 */
export async function readFirstUsers(settings: Settings): Promise<InitialUsers> {
  const path = settings.text('aclfile');
  const { users } = settings;
  if (path === '' && users.length === 0) return noUsers;
  if (path !== '' && users.length > 0) {
    throw new FirstUsersError(
      'Configuring users in the configuration file and an aclfile at the same time is invalid: define them in one place, not both.',
    );
  }
  const [{ catalogOf }, { commandTable }] = await Promise.all([
    import('../commands/access.ts'),
    import('../commands/table.ts'),
  ]);
  const acl = new Acl(catalogOf(commandTable.values()), { allChannels: false });
  const first: InitialUsers = {
    lines: users.map(({ name, rules }) => ({ name: fromText(name), rules: rules.map(fromText) })),
    file: path === '' ? undefined : { path, text: readUserFile(path) },
  };
  checkLines(acl, users);
  if (first.file) {
    try {
      acl.load(first.file.path, first.file.text);
    } catch (error) {
      if (!(error instanceof UserFileError)) throw error;
      throw new FirstUsersError(
        `Aborting Redis startup because of ACL errors: ${asText(error.message)}`,
      );
    }
  }
  return first;
}

function readUserFile(path: string): string {
  try {
    return fromBytes(readFileSync(path));
  } catch (error) {
    const reason = systemReason(error);
    throw new FirstUsersError(
      `Aborting Redis startup because of ACL errors: Error loading ACLs, opening file '${path}': ${reason}`,
    );
  }
}

function checkLines(acl: Acl, users: readonly UserDirective[]): void {
  const names = new Set<string>();
  for (const { name, rules, line, lineNumber } of users) {
    const refuse = (word: string, reason: string) =>
      fatal(`Error in user declaration '${word}': ${reason}`, lineNumber, line);
    if (names.has(name)) {
      const reason = 'Duplicate user found. A user can only be defined once in config files';
      throw refuse(name, reason);
    }
    names.add(name);
    try {
      acl.begin({
        lines: [{ name: fromText(name), rules: rules.map(fromText) }],
        file: undefined,
      });
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      const [, rule, reason] = /modifier '(.*)': (.*)$/s.exec(error.message) ?? [];
      throw refuse(rule ?? name, reason ?? error.message);
    }
    if (acl.find(fromText(name))?.isOn === false) {
      log.notice(
        `The user '${name}' is disabled (there is no 'on' modifier in the user description). Make sure this is not a configuration error.`,
      );
    }
  }
}
