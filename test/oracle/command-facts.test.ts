// What COMMAND INFO, DOCS and LIST tell of each command, beside what Debian's redis-server tells of it.
// Facts must be equal but for the differences below; summaries and other sentences are ours.

import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, startServer, type Value } from '../helpers/server.ts';

interface FactDifference {
  /** Full names of commands. */
  readonly commands: string;
  readonly facts: string;
  readonly reason: string;
}

/** Each must be one, so that the list cannot go stale. */
const differences: readonly FactDifference[] = [
  {
    commands: 'zrank zrevrank',
    facts: 'arity arguments history',
    reason: '7.2 has WITHSCORE',
  },
  {
    commands: 'blpop brpop blmove brpoplpush bzpopmin bzpopmax',
    facts: 'flags',
    reason: '7.2 lets scripts call them: they are not noscript',
  },
  {
    commands: 'wait',
    facts: 'flags categories',
    reason: '7.2 says that it blocks, where 7.0 says noscript',
  },
  {
    commands: 'client|pause',
    facts: 'since',
    reason: '7.2 names the release, 7.0 what led to it',
  },
  {
    commands: 'cluster',
    facts: 'hasSubcommands',
    reason: 'this server is in no cluster yet',
  },
  {
    commands: 'bitop',
    facts: 'arguments',
    reason: '7.2 names its operations',
  },
  {
    commands: 'command|getkeys command|getkeysandflags',
    facts: 'arguments',
    reason: '7.2 names what they take',
  },
  {
    commands: 'xinfo|consumers',
    facts: 'arguments history',
    reason: '7.2 tells how long they are inactive, and calls a group a group',
  },
];

/** A map as RESP2 has it. */
function members(flat: Value | undefined): Map<string, Value> {
  const found = new Map<string, Value>();
  const items = (flat ?? []) as Value[];
  for (let i = 0; i < items.length; i += 2) found.set(String(items[i]), items[i + 1] ?? null);
  return found;
}

const sorted = (list: Value | undefined) => [...((list ?? []) as string[])].sort();

/** A key specification, without the words of its note. */
function specification(value: Value): unknown {
  const facts = members(value);
  const plain = (name: string) => {
    const { type, spec } = Object.fromEntries(members(facts.get(name)));
    return [type, spec];
  };
  return {
    flags: facts.get('flags'),
    hasNote: facts.has('notes'),
    begin: plain('begin_search'),
    keys: plain('find_keys'),
  };
}

/** An argument; 7.2 adds what is displayed of it. */
function argument(value: Value): unknown {
  const facts = members(value);
  facts.delete('display_text');
  const parts = facts.get('arguments');
  if (parts !== undefined) facts.delete('arguments');
  return { ...Object.fromEntries(facts), parts: parts && (parts as Value[]).map(argument) };
}

/** The first `O(...)` of a complexity, or whether there is any. */
function order(complexity: Value | undefined): string {
  if (complexity === undefined) return 'none';
  return /O\((?:[^()]|\([^()]*\))*\)/.exec(String(complexity))?.[0] ?? 'other';
}

async function factsOf(client: Connection, name: string): Promise<Record<string, unknown>> {
  const [row] = (await client.request('COMMAND', 'INFO', name)) as Value[][];
  const [told, doc] = (await client.request('COMMAND', 'DOCS', name)) as Value[];
  const [fullName, arity, flags, first, last, step, categories, tips, keys] = row ?? [];
  const docs = members(doc);
  return {
    names: [told, fullName],
    arity,
    flags,
    positions: [first, last, step],
    categories,
    tips: sorted(tips),
    keys: ((keys ?? []) as Value[]).map(specification),
    since: docs.get('since'),
    group: docs.get('group'),
    order: order(docs.get('complexity')),
    deprecation: [docs.get('doc_flags'), docs.get('deprecated_since'), docs.has('replaced_by')],
    history: ((docs.get('history') ?? []) as Value[][]).map(([version]) => version).sort(),
    arguments: ((docs.get('arguments') ?? []) as Value[]).map(argument),
    hasSubcommands: docs.has('subcommands'),
  };
}

const requests = [
  'COMMAND LIST FILTERBY',
  'COMMAND LIST FILTERBY PATTERN',
  'COMMAND LIST FILTERBY PATTERN a b',
  'COMMAND LIST NOSUCH PATTERN a',
  'COMMAND LIST FILTERBY NOSUCH a',
  'COMMAND LIST FILTERBY MODULE nosuch',
  'COMMAND LIST FILTERBY ACLCAT nosuch',
  'COMMAND LIST FILTERBY PATTERN config|re*',
  'COMMAND LIST FILTERBY pattern CONFIG|SET',
  'COMMAND LIST FILTERBY PATTERN nosuch*',
  'COMMAND LIST FILTERBY ACLCAT transaction',
  'COMMAND INFO nosuch config|nosuch get|x config|get|x',
  'COMMAND DOCS nosuch config|nosuch get|x',
  'COMMAND GETKEYS',
  'COMMAND GETKEYS GET',
  'COMMAND GETKEYS NOSUCH a',
  'COMMAND GETKEYS PING a',
  'COMMAND GETKEYS CONFIG GET a',
  'COMMAND GETKEYS CONFIG|GET a',
  'COMMAND GETKEYS CONFIG',
  'COMMAND GETKEYS CONFIG NOSUCH',
  'COMMAND GETKEYS OBJECT FREQ k',
  'COMMAND GETKEYS OBJECT HELP',
  'COMMAND GETKEYS MEMORY USAGE k SAMPLES 3',
  'COMMAND GETKEYS SPUBLISH c m',
  'COMMAND GETKEYS SSUBSCRIBE c',
  'COMMAND GETKEYS PUBLISH c m',
  'COMMAND GETKEYS MULTI',
  ...[
    'GET k',
    'SET k v',
    'SET k v GET',
    'SET k v EX 10 get NX',
    'MSET a 1 b 2',
    'MSET a 1 b',
    'DEL a b c',
    'RENAME a b',
    'COPY a b DB 1',
    'BITOP AND d a b',
    'BITFIELD k GET u8 0',
    'BITFIELD k GET u8 0 INCRBY u8 0 1',
    'BITFIELD k OVERFLOW SAT SET u8 0 1',
    'BITFIELD k OVERFLOW SAT',
    'BITFIELD k NOSUCH',
    'BITFIELD_RO k GET u8 0',
    'GETEX k PERSIST',
    'LCS a b LEN',
    'BLPOP a b 0',
    'BLMPOP 0 2 a b LEFT',
    'LMPOP 2 a b LEFT',
    'LMPOP 0 a LEFT',
    'LMPOP x a LEFT',
    'LMPOP 9 a LEFT',
    'LMOVE a b LEFT RIGHT',
    'SMOVE a b m',
    'SINTERSTORE d a b',
    'SINTERCARD 2 a b LIMIT 3',
    'SUNIONSTORE d a b',
    'ZADD k 1 m',
    'ZRANGESTORE d a 0 1',
    'ZUNIONSTORE d 2 a b WEIGHTS 1 2',
    'ZUNIONSTORE d 3 a b',
    'ZINTER 2 a b',
    'ZDIFF 1 a WITHSCORES',
    'ZMPOP 1 a MIN',
    'BZMPOP 0 1 a MIN',
    'BZPOPMIN a b 0',
    'SORT k',
    'SORT k BY w_* GET x_* STORE d',
    'SORT k STORE d STORE e',
    'SORT k LIMIT 0 STORE',
    'SORT_RO k BY w_*',
    'XADD k * f v',
    'XREAD STREAMS a b 0 0',
    'XREAD COUNT 2 BLOCK 0 STREAMS a 0',
    'XREAD STREAMS a b 0',
    'XREAD COUNT STREAMS a 0',
    'XINFO STREAM k',
    'MIGRATE h 1 k 0 10',
    'MIGRATE h 1 "" 0 10 KEYS a b',
    'MIGRATE h 1 "" 0 10 COPY AUTH p KEYS a b',
    'RESTORE k 0 v',
    'DUMP k',
    'EXPIRE k 1',
    'TOUCH a b',
    'OBJECT ENCODING k',
    'WATCH a b',
    'HSET h f v',
    'SPOP k',
    'APPEND k v',
  ].flatMap((words) => [`COMMAND GETKEYS ${words}`, `COMMAND GETKEYSANDFLAGS ${words}`]),
];

t.test('tells what redis-server tells', { skip: missingPrograms('redis-server') }, async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const tutti = await startServer(['--save', '']);
  t.teardown(() => tutti.stop());
  const theirs = await Connection.open(redis.port);
  const ours = await tutti.raw();
  t.teardown(() => {
    theirs.close();
    ours.close();
  });

  t.test('of each command that both have', async (t) => {
    const known = new Set((await theirs.request('COMMAND', 'LIST')) as string[]);
    const names = ((await ours.request('COMMAND', 'LIST')) as string[]).filter((name) =>
      known.has(name),
    );
    t.ok(names.length > 250, `${names.length} commands`);
    for (const name of names) {
      const wanted = await factsOf(theirs, name);
      const found = await factsOf(ours, name);
      for (const [fact, value] of Object.entries(wanted)) {
        const difference = differences.find(
          ({ commands, facts }) =>
            commands.split(' ').includes(name) && facts.split(' ').includes(fact),
        );
        if (difference === undefined) t.strictSame(found[fact], value, `${name}: ${fact}`);
        else t.notSame(found[fact], value, `${name}: ${fact}: ${difference.reason}`);
      }
    }
  });

  t.test('when it is asked for keys or for some commands', async (t) => {
    for (const line of requests) {
      const words = line.split(' ').map((word) => (word === '""' ? '' : word));
      const ask = async (client: Connection) => {
        client.send(...words);
        const reply = await client.reply();
        if (reply instanceof Error) return reply.message;
        return words[1] === 'LIST' ? sorted(reply) : reply;
      };
      t.strictSame(await ask(ours), await ask(theirs), line);
    }
  });
});
