// Access lists at random: users from a grammar of rules, the same to Debian's redis-server and to
// Tutti; both must say alike which rules are wrong and what each user may do, and redis-server must
// understand what Tutti writes of a user. TUTTI_ORACLE_SEED as in random.test.ts.

import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, startServer } from '../helpers/server.ts';
import { accessLines } from './acl-table.ts';
import { Dice } from './random-commands.ts';

const wantedSeed = process.env['TUTTI_ORACLE_SEED'] ?? '2';
const seed = wantedSeed === 'now' ? Date.now() % 2 ** 31 : Number(wantedSeed);
const USERS = 150;
const CHANGES_A_USER = 3;
const COMMANDS_A_USER = 25;

const names = 'get set del mget lpush hset zadd config|get config|set client|id object|freq'.split(
  ' ',
);
const containers = ['config', 'client', 'object', 'xinfo'];
const categories =
  'all read write set sortedset list hash string bitmap stream admin fast slow dangerous connection transaction keyspace'.split(
    ' ',
  );
const patterns = ['a', 'b', 'd', '*', 'a*', '[ab]', '?', 'x', '[^a]', '\\a', ''];

function commandRule(dice: Dice): string {
  const sign = dice.pick(['+', '+', '-']);
  switch (dice.roll(6)) {
    case 0:
      return `${sign}${dice.pick(containers)}`;
    case 1:
    case 2:
      return `${sign}@${dice.pick(categories)}`;
    case 3:
      return dice.pick(['+select|1', '+SELECT|0', '+echo|hi', 'allcommands', 'nocommands', '+Get']);
    default:
      return `${sign}${dice.pick(names)}`;
  }
}

function selectorRule(dice: Dice): string {
  switch (dice.roll(7)) {
    case 0:
      return `${dice.pick(['~', '%R~', '%W~', '%RW~', '%wr~', '%r~'])}${dice.pick(patterns)}`;
    case 1:
      return `~${dice.pick(patterns)}`;
    case 2:
      return `&${dice.pick(['c', 'c*', 'd', '*'])}`;
    case 3:
      return dice.pick([
        'resetkeys',
        'resetkeys',
        'resetchannels',
        'resetchannels',
        'allkeys',
        'allchannels',
      ]);
    default:
      return commandRule(dice);
  }
}

function rule(dice: Dice): string {
  if (dice.oneIn(40))
    return dice.pick(['nonsense', '+nosuch', '%~a', '~a b', '<none', '#12', '+@']);
  if (dice.oneIn(8)) {
    const inner = Array.from({ length: 1 + dice.roll(4) }, () => selectorRule(dice));
    return `(${inner.filter((word) => word !== '~').join(' ')})`;
  }
  if (dice.oneIn(12))
    return dice.pick(['on', 'off', 'nopass', 'resetpass', '>pw', 'reset', 'clearselectors']);
  return selectorRule(dice);
}

/** Who may not is named by 7.2 only; which of several keys or commands is told is the same. */
function verdict(reply: unknown): string {
  return String(reply).replace(/(This user|User \w+) has no/, 'X has no');
}

t.test('random access lists', { skip: missingPrograms('redis-server') }, async (t) => {
  t.comment(`seed ${seed}`);
  const dice = new Dice(seed);
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const tutti = await startServer(['--io-threads', '2']);
  t.teardown(() => tutti.stop());
  const peer = await Connection.open(redis.port);
  const own = await Connection.open(tutti.port);
  t.teardown(() => {
    peer.close();
    own.close();
  });
  const known = (await own.request('COMMAND', 'LIST')) as string[];
  const lines = accessLines
    .map((line) => line.split(' '))
    .filter(([name = '']) => known.includes(name))
    .concat([
      ['config', 'get', 'x'],
      ['config', 'set', 'x', 'y'],
      ['select', '1'],
      ['select', '0'],
    ])
    .concat([['client', 'id'], ['echo', 'hi'], ['echo', 'HI'], ['acl', 'whoami'], ['multi']]);
  const ask = async (...words: string[]) => {
    for (const server of [peer, own]) server.send(...words);
    return [await peer.reply(), await own.reply()].map(verdict);
  };
  for (let i = 0; i < USERS; i++) {
    const user = `u${i}`;
    const said: string[] = [];
    const wrong: string[] = [];
    const expect = ([wanted, found]: string[], what: string) => {
      if (wanted !== found) wrong.push(`${what}: ${found}, wanted ${wanted}`);
    };
    // So that it is there, however wrong its rules are.
    expect(await ask('ACL', 'SETUSER', user), 'SETUSER');
    for (let change = 0; change < CHANGES_A_USER; change++) {
      const rules = Array.from({ length: 1 + dice.roll(6) }, () => rule(dice));
      said.push(rules.join(' '));
      expect(await ask('ACL', 'SETUSER', user, ...rules), 'SETUSER');
    }
    const [, text = ''] =
      ((await own.request('ACL', 'LIST')) as string[])
        .find((line) => line.startsWith(`user ${user} `))
        ?.match(/^user \w+ (.*)$/) ?? [];
    // Its own words make the same user again, here and there.
    const again = await ask('ACL', 'SETUSER', 'again', 'reset', ...text.split(' '));
    expect(['OK', ...again.slice(0, 1)], 'redis-server takes its words');
    expect(['OK', ...again.slice(1)], 'Tutti takes its words');
    for (let k = 0; k < COMMANDS_A_USER; k++) {
      const words = dice.pick(lines);
      const verdicts = await ask('ACL', 'DRYRUN', user, ...words);
      expect(verdicts, words.join(' '));
      const [ofPeer, ofOwn] = await ask('ACL', 'DRYRUN', 'again', ...words);
      expect([verdicts[0] ?? '', ofPeer ?? ''], `redis-server again: ${words.join(' ')}`);
      expect([verdicts[1] ?? '', ofOwn ?? ''], `Tutti again: ${words.join(' ')}`);
    }
    t.strictSame(wrong, [], said.join(' / '));
  }
});
