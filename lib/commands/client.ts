// CLIENT: who is connected, and what a connection is called.

import { type Acl, DEFAULT_USER } from '../auth/acl.ts';
import { fromText } from '../core/byte-string.ts';
import { replyErrors } from '../core/errors.ts';
import { addon } from '../engine/addon.ts';
import type { ClientRecord } from '../engine/client-commands.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Client, type Command, noKeys } from './command.ts';
import { isClientName } from './connection.ts';
import { container } from './container.ts';
import { integerOf, shown, textOf } from './words.ts';

const own = {
  group: 'connection',
  categories: ['@connection'],
  flags: ['noscript', 'loading', 'stale'],
  keys: noKeys,
};
const admin = { ...own, flags: ['admin', 'noscript', 'loading', 'stale'] };

const subcommands: readonly Command[] = [
  {
    ...own,
    name: 'id',
    summary: "Returns the connection's number.",
    since: '5.0.0',
    arity: 2,
    run: ({ client, reply }) => reply.integer(client.id),
  },
  {
    ...own,
    name: 'getname',
    summary: "Returns the connection's name.",
    since: '2.6.9',
    arity: 2,
    run({ client, reply }) {
      if (client.name === '') reply.nil();
      else reply.bulk(client.name);
    },
  },
  {
    ...own,
    name: 'setname',
    summary: 'Names the connection.',
    since: '2.6.9',
    arity: 3,
    run({ client, reply, request }) {
      const name = textOf(request, 2, 'client|setname');
      if (!isClientName(name)) throw replyErrors.clientName();
      client.name = name;
      reply.ok();
    },
  },
  {
    ...own,
    name: 'setinfo',
    summary: 'Tells the name or version of the client library.',
    since: '7.2.0',
    arity: 4,
    run: setInfo,
  },
  {
    ...own,
    name: 'info',
    summary: "Returns the connection's line of CLIENT LIST.",
    since: '6.2.0',
    arity: 2,
    run(call) {
      const record = addon()
        .clientList()
        .find(({ id }) => id === call.client.id);
      call.reply.verbatim(record ? `${line(record, call, Date.now())}\n` : '');
    },
  },
  {
    ...admin,
    name: 'list',
    summary: 'Returns a line about each connection.',
    since: '2.4.0',
    arity: -2,
    run: list,
  },
  {
    ...admin,
    name: 'kill',
    summary: 'Closes connections by address, number, type or user.',
    since: '2.4.0',
    arity: -3,
    run: kill,
  },
  {
    ...admin,
    name: 'pause',
    summary: 'Lets commands of all clients, or those that change data, wait for a time.',
    since: '3.0.0',
    arity: -3,
    run: pause,
  },
  {
    ...admin,
    name: 'unpause',
    summary: 'Ends the pause of CLIENT PAUSE.',
    since: '6.2.0',
    arity: 2,
    run({ reply, server }) {
      server.unpauseClients();
      reply.ok();
    },
  },
  {
    ...admin,
    name: 'unblock',
    summary: 'Ends the wait of a blocking command.',
    since: '5.0.0',
    arity: -3,
    run: unblock,
  },
  {
    ...own,
    name: 'reply',
    summary: 'Turns replies off and on, or skips one.',
    since: '3.2.0',
    arity: 3,
    run({ client, reply, request }) {
      if (request.is(2, 'ON')) {
        client.replyMode = 'on';
        reply.ok();
      } else if (request.is(2, 'OFF')) client.replyMode = 'off';
      else if (!request.is(2, 'SKIP')) throw replyErrors.syntax();
      else if (client.replyMode !== 'off') client.replyMode = 'skip-next';
    },
  },
  {
    ...admin,
    name: 'no-evict',
    summary: 'Keeps the connection from being closed for the memory that clients take.',
    since: '7.0.0',
    arity: 3,
    run(call) {
      onOrOff(call);
      call.client.isEvictable = call.request.is(2, 'OFF');
      call.client.noteState();
    },
  },
  {
    ...own,
    name: 'tracking',
    summary: 'Takes OFF; tracking of keys is refused.',
    since: '6.0.0',
    arity: -3,
    run: track,
  },
  {
    ...own,
    name: 'trackinginfo',
    summary: 'Tells that no keys are tracked.',
    since: '6.2.0',
    arity: 2,
    run({ reply }) {
      reply.map(3);
      reply.bulk('flags');
      reply.set(1);
      reply.bulk('off');
      reply.bulk('redirect');
      reply.integer(-1);
      reply.bulk('prefixes');
      reply.array(0);
    },
  },
  {
    ...own,
    name: 'getredir',
    summary: 'Returns -1: no keys are tracked.',
    since: '6.0.0',
    arity: 2,
    run: ({ reply }) => reply.integer(-1),
  },
  {
    ...own,
    name: 'caching',
    summary: 'Refused, as of any connection that tracks no keys.',
    since: '6.0.0',
    arity: 3,
    run() {
      throw replyErrors.cachingWithoutTracking();
    },
  },
  {
    ...own,
    name: 'no-touch',
    summary: "Lets the connection's commands not count as uses of keys, but for TOUCH.",
    since: '7.2.0',
    arity: 3,
    run(call) {
      onOrOff(call);
      call.client.isTouching = call.request.is(2, 'OFF');
    },
  },
];

export const clientCommands: readonly Command[] = [
  container(
    {
      name: 'client',
      summary: 'A container for commands about connections.',
      since: '2.4.0',
      group: 'connection',
    },
    subcommands,
  ),
];

function pause({ reply, request, server }: Call): void {
  if (request.count > 4) throw replyErrors.wrongSubcommandWords(shown(request, 1), 'CLIENT');
  const onlyWrites = request.count === 4 && request.is(3, 'WRITE');
  if (request.count === 4 && !onlyWrites && !request.is(3, 'ALL')) throw replyErrors.pauseMode();
  const forMs = request.integer(2) ?? request.bigint(2);
  if (forMs === undefined) throw replyErrors.timeoutNotInteger();
  if (forMs < 0) throw replyErrors.timeoutNegative();
  server.pauseClients(Number(forMs), onlyWrites);
  reply.ok();
}

function unblock({ reply, request }: Call): void {
  const { count } = request;
  if (count > 4) throw replyErrors.wrongSubcommandWords(shown(request, 1), 'CLIENT');
  if (count === 4 && !request.is(3, 'TIMEOUT') && !request.is(3, 'ERROR'))
    throw replyErrors.unblockReason();
  const isError = count === 4 && request.is(3, 'ERROR');
  reply.integer(addon().awaitUnblock(integerOf(request, 2), isError ? 1 : 0));
}

/** Options that stand alone. */
const trackingFlags = ['BCAST', 'OPTIN', 'OPTOUT', 'NOLOOP'];

/** Off it is in any case. Options are read first, as in Redis. */
function track({ reply, request }: Call): void {
  for (let i = 3; i < request.count; i++) {
    const hasValue = request.is(i, 'REDIRECT') || request.is(i, 'PREFIX');
    if (hasValue && i + 1 < request.count) i++;
    else if (hasValue || !trackingFlags.some((flag) => request.is(i, flag)))
      throw replyErrors.syntax();
  }
  if (request.is(2, 'ON')) throw replyErrors.optionNotSupported('CLIENT TRACKING');
  if (!request.is(2, 'OFF')) throw replyErrors.syntax();
  reply.ok();
}

function onOrOff({ reply, request }: Call): void {
  if (!request.is(2, 'ON') && !request.is(2, 'OFF')) throw replyErrors.syntax();
  reply.ok();
}

function setInfo({ client, reply, request }: Call): void {
  const isName = request.is(2, 'LIB-NAME');
  if (!isName && !request.is(2, 'LIB-VER')) throw replyErrors.unrecognizedOption(shown(request, 2));
  const value = textOf(request, 3, 'client|setinfo');
  if (!isClientName(value)) throw replyErrors.clientInfo(isName ? 'lib-name' : 'lib-ver');
  if (isName) client.libName = value;
  else client.libVersion = value;
  reply.ok();
}

// --- CLIENT LIST ---

const clientTypes = ['normal', 'master', 'replica', 'slave', 'pubsub'];

const isPubsub = ({ channelCount, patternCount, shardChannelCount }: ClientRecord) =>
  channelCount + patternCount + shardChannelCount > 0;

/** Whether a client is of the type that word `i` names. There are neither masters nor replicas. */
function readType(request: Request, i: number): (record: ClientRecord) => boolean {
  const type = shown(request, i).toLowerCase();
  if (!clientTypes.includes(type)) throw replyErrors.unknownClientType(shown(request, i));
  if (type === 'pubsub') return isPubsub;
  return (record) => type === 'normal' && !isPubsub(record);
}

function list(call: Call): void {
  const { reply, request } = call;
  const { count } = request;
  let records = addon().clientList();
  if (count === 4 && request.is(2, 'TYPE')) {
    records = records.filter(readType(request, 3));
  } else if (count > 3 && request.is(2, 'ID')) {
    const ids = new Set<number>();
    for (let i = 3; i < count; i++) {
      const id = request.integer(i);
      if (id === undefined) throw replyErrors.invalidClientId();
      ids.add(id);
    }
    records = records.filter(({ id }) => ids.has(id));
  } else if (count !== 2) throw replyErrors.syntax();
  const now = Date.now();
  reply.verbatim(records.map((record) => `${line(record, call, now)}\n`).join(''));
}

/** As CLIENT INFO shows a record, by what the table knew at `now`. */
export function clientLine(record: ClientRecord, now: number): string {
  return lineOf(record, now, undefined);
}

/** What a connection knows of itself while it is being asked. */
interface Own {
  readonly client: Client;
  readonly command: string;
  /** Of the request: on the wire, and of its words. */
  readonly requestBytes: number;
  readonly wordBytes: number;
}

function ownOf({ client, command, request }: Call): Own {
  let wordBytes = 0;
  let requestBytes = `*${request.count}\r\n`.length;
  for (let i = 0; i < request.count; i++) {
    const length = request.length(i);
    wordBytes += length;
    requestBytes += `$${length}\r\n\r\n`.length + length;
  }
  // Inside EXEC the connection's command is EXEC, and its flag that of a transaction.
  const name = client.transaction ? 'exec' : `client|${command.name}`;
  return { client, command: name, requestBytes, wordBytes };
}

/** The records lag a little behind: what this connection knows of itself is shown as it is. */
function line(record: ClientRecord, call: Call, now: number): string {
  if (record.id !== call.client.id) return clientLine(record, now);
  return lineOf(record, now, ownOf(call));
}

function lineOf(record: ClientRecord, now: number, asking: Own | undefined): string {
  const own = asking?.client;
  const requestBytes = asking?.requestBytes ?? 0;
  const wordBytes = asking?.wordBytes ?? 0;
  const seconds = (since: number) => Math.max(Math.floor((now - since) / 1000), 0);
  const multiCount = own ? (own.transaction?.queued.length ?? -1) : record.multiCount;
  const fields: Record<string, string | number> = {
    id: record.id,
    addr: record.address,
    laddr: record.localAddress,
    fd: record.fd,
    name: own ? own.name : record.name,
    age: seconds(record.createdMs),
    idle: own ? 0 : seconds(record.lastSeenMs),
    flags: own ? own.flags : record.flags,
    db: own ? own.db : record.db,
    sub: record.channelCount,
    psub: record.patternCount,
    ssub: record.shardChannelCount,
    multi: multiCount,
    qbuf: record.queryBytes + requestBytes,
    'qbuf-free': record.queryUnusedBytes,
    'argv-mem': record.argumentBytes + wordBytes,
    'multi-mem': record.multiBytes,
    rbs: record.replyBlockBytes,
    rbp: record.replyPeakBytes,
    obl: 0, // a connection has no buffer of its own before the replies that wait
    oll: record.outputCount,
    omem: record.outputBytes,
    'tot-mem': record.memoryBytes + requestBytes + wordBytes,
    events: record.outputBytes > 0 ? 'rw' : 'r',
    cmd: asking?.command ?? (record.lastCommand || 'NULL'),
    user: record.user || DEFAULT_USER,
    redir: -1,
    resp: own ? own.resp : record.resp,
    'lib-name': own ? own.libName : record.libName,
    'lib-ver': own ? own.libVersion : record.libVersion,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

// --- CLIENT KILL ---

interface Filter {
  matches: (record: ClientRecord) => boolean;
  skipsOwn: boolean;
}

function kill(call: Call): void {
  const { client, reply, request, server } = call;
  const isOldForm = request.count === 3;
  const { matches, skipsOwn } = isOldForm
    ? addressFilter(request)
    : readFilters(request, server.acl);
  const found = addon().clientList().filter(matches);
  if (isOldForm && found.length === 0) throw replyErrors.noSuchClient();
  const others = found.filter(({ id }) => id !== client.id);
  addon().clientKill(others.map(({ id }) => id));
  const killsItself = !skipsOwn && others.length < found.length;
  if (isOldForm) reply.ok();
  else reply.integer(others.length + (killsItself ? 1 : 0));
  if (killsItself) client.closeAfterReply();
}

function addressFilter(request: Request): Filter {
  const address = shown(request, 2);
  return { matches: (record) => record.address === address, skipsOwn: false };
}

function readFilters(request: Request, acl: Acl): Filter {
  const { count } = request;
  const tests: ((record: ClientRecord) => boolean)[] = [];
  let skipsOwn = true;
  for (let i = 2; i < count; i += 2) {
    const value = i + 1;
    if (value >= count) throw replyErrors.syntax();
    if (request.is(i, 'ID')) {
      const id = request.integer(value);
      if (id === undefined || id < 1) throw replyErrors.clientIdTooSmall();
      tests.push((record) => record.id === id);
    } else if (request.is(i, 'TYPE')) {
      tests.push(readType(request, value));
    } else if (request.is(i, 'ADDR')) {
      const address = shown(request, value);
      tests.push((record) => record.address === address);
    } else if (request.is(i, 'LADDR')) {
      const address = shown(request, value);
      tests.push((record) => record.localAddress === address);
    } else if (request.is(i, 'USER')) {
      const user = textOf(request, value, 'client|kill');
      if (acl.find(fromText(user)) === undefined) throw replyErrors.noSuchUser(user);
      tests.push((record) => record.user === user);
    } else if (request.is(i, 'SKIPME')) {
      if (!request.is(value, 'YES') && !request.is(value, 'NO')) throw replyErrors.syntax();
      skipsOwn = request.is(value, 'YES');
    } else throw replyErrors.syntax();
  }
  return { matches: (record) => tests.every((test) => test(record)), skipsOwn };
}
