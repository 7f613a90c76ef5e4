// What a client says about its own connection: handshake, database, protocol.

import { DEFAULT_USER } from '../auth/acl.ts';
import { REDIS_VERSION } from '../config/version.ts';
import { fromBytes } from '../core/byte-string.ts';
import { replyErrors } from '../core/errors.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Command, noKeys, type Words } from './command.ts';
import { replyModules } from './module.ts';
import { databaseOf, replyWord, shown, textOf } from './words.ts';

const shape = { group: 'connection', categories: ['@connection'], keys: noKeys };
const handshake = ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'];

export const connectionCommands: readonly Command[] = [
  {
    ...shape,
    name: 'ping',
    summary: 'Returns PONG, or what it is given.',
    since: '1.0.0',
    arity: -1,
    flags: ['fast'],
    run({ client, command, reply, request }) {
      if (request.count > 2) throw replyErrors.wrongArity(command.name);
      if (client.isListening) {
        reply.array(2);
        reply.bulk('pong');
        if (request.count === 1) reply.bulk('');
        else replyWord(reply, request, 1);
      } else if (request.count === 1) reply.simple('PONG');
      else replyWord(reply, request, 1);
    },
  },
  {
    ...shape,
    name: 'echo',
    summary: 'Returns what it is given.',
    since: '1.0.0',
    arity: 2,
    flags: ['loading', 'stale', 'fast'],
    run({ reply, request }) {
      replyWord(reply, request, 1);
    },
  },
  {
    ...shape,
    name: 'quit',
    summary: 'Closes the connection after the replies so far.',
    since: '1.0.0',
    arity: -1,
    flags: handshake,
    run({ client, reply }) {
      reply.ok();
      client.closeAfterReply();
    },
  },
  {
    ...shape,
    name: 'select',
    summary: 'Changes the database of the connection.',
    since: '1.0.0',
    arity: 2,
    flags: ['loading', 'stale', 'fast'],
    run({ client, reply, request, server }) {
      client.db = databaseOf(request, 1, server.settings.databaseCount);
      reply.ok();
    },
  },
  {
    ...shape,
    name: 'auth',
    summary: 'Authenticates the connection.',
    since: '1.0.0',
    arity: -2,
    flags: handshake,
    secrets: ({ count }) => Array.from({ length: count - 1 }, (_, i) => i + 1),
    run: auth,
  },
  {
    ...shape,
    name: 'hello',
    summary: 'Chooses the protocol, authenticates and names the connection.',
    since: '6.0.0',
    arity: -1,
    flags: handshake,
    secrets: passwordOfHello,
    run: hello,
  },
  {
    ...shape,
    name: 'reset',
    summary: 'Puts the connection back to how it began.',
    since: '6.2.0',
    arity: 1,
    flags: handshake,
    run({ client, reply }) {
      client.transaction = undefined;
      client.unwatch();
      client.db = 0;
      client.name = '';
      client.logout();
      client.stopListening();
      client.replyMode = 'on';
      client.isTouching = true;
      client.isEvictable = true;
      client.resp = 2;
      reply.simple('RESET');
    },
  },
];

function passwordOfHello(words: Words): number[] {
  for (let i = 2; i + 2 < words.count; i++) {
    if (words.is(i, 'AUTH')) return [i + 1, i + 2];
    if (words.is(i, 'SETNAME')) i++;
  }
  return [];
}

/** A large argument is sent from the memory it came into. */
function auth(call: Call): void {
  const { command, reply, request, server } = call;
  if (request.count > 3) throw replyErrors.syntax();
  if (request.count === 2 && server.acl.defaultUser.isOpen) throw replyErrors.noPasswordSet();
  const user = request.count === 3 ? byteStringOf(request, 1, command.name) : DEFAULT_USER;
  authenticate(call, user, byteStringOf(request, request.count - 1, command.name));
  reply.ok();
}

/** @throws {ReplyError} The word is a blob. */
function byteStringOf(request: Request, i: number, name: string): string {
  if (request.isBlob(i)) throw replyErrors.argumentTooLong(name);
  return fromBytes(request.bytes(i));
}

/** Both are byte strings. @throws {ReplyError} */
function authenticate({ client, request, server }: Call, name: string, password: string): void {
  const user = server.acl.authenticate(name, password);
  if (user === undefined) {
    const context = client.transaction === undefined ? 'toplevel' : 'multi';
    const object = fromBytes(request.bytes(0));
    server.logDenial({ reason: 'auth', context, object, user: name, clientId: client.id });
    throw replyErrors.wrongPassword();
  }
  client.login(user);
}

/** A name or library: visible characters without blanks (redis:src/networking.c `validateClientAttr`). */
export function isClientName(text: string): boolean {
  return !/[^!-~]/.test(text);
}

interface Greeting {
  resp: 2 | 3 | undefined;
  login: { user: string; password: string } | undefined;
  name: string | undefined;
}

/** HELLO [version [AUTH user password] [SETNAME name]]. @throws {ReplyError} */
function readHello(request: Request): Greeting {
  const greeting: Greeting = { resp: undefined, login: undefined, name: undefined };
  if (request.count > 1) {
    const version = request.integer(1);
    if (version === undefined) throw replyErrors.protocolNotInteger();
    if (version !== 2 && version !== 3) throw replyErrors.noProtocol();
    greeting.resp = version;
  }
  for (let i = 2; i < request.count; i++) {
    const left = request.count - 1 - i;
    if (request.is(i, 'AUTH') && left >= 2) {
      const user = byteStringOf(request, i + 1, 'hello');
      greeting.login = { user, password: byteStringOf(request, i + 2, 'hello') };
      i += 2;
    } else if (request.is(i, 'SETNAME') && left >= 1) {
      greeting.name = textOf(request, i + 1, 'hello');
      if (!isClientName(greeting.name)) throw replyErrors.clientName();
      i++;
    } else throw replyErrors.helloOption(shown(request, i));
  }
  return greeting;
}

function hello(call: Call): void {
  const { client, reply, request, server } = call;
  const { resp, login, name } = readHello(request);
  if (login) authenticate(call, login.user, login.password);
  if (client.isUnauthenticated) throw replyErrors.helloWithoutAuth();
  if (name !== undefined) client.name = name;
  if (resp !== undefined) client.resp = resp;
  reply.map(7);
  reply.bulk('server');
  reply.bulk('redis');
  reply.bulk('version');
  reply.bulk(REDIS_VERSION);
  reply.bulk('proto');
  reply.integer(client.resp);
  reply.bulk('id');
  reply.integer(client.id);
  reply.bulk('mode');
  reply.bulk('standalone');
  reply.bulk('role');
  reply.bulk('master');
  reply.bulk('modules');
  replyModules(reply, server.settings);
}
