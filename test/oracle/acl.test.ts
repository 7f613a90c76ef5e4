// Access lists beside Debian's redis-server: what is answered, who may do what, which command is of
// which category. Words that changed between 7.0 and 7.2 are put into those of 7.2 first.

import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { Connection, startServer } from '../helpers/server.ts';
import { accessLines, accessUsers, aclLines } from './acl-table.ts';
import { encodeLine, splitWords } from './notation.ts';

/**
 * 7.2 names the user who may not, and not the key; each user has `sanitize-payload`; rules are shown in
 * the order in which they were given, in 7.0 by what fits best.
 */
function asOf72(reply: string): string {
  return reply
    .replace(/NOPERM this user .* one of the keys[^\r]*/, 'NOPERM No permissions to access a key')
    .replace(/NOPERM (this user|User \w+) has no/, 'NOPERM User X has no')
    .replace(/^(\$\d+\r\n)?(This user|User \w+) has no/, 'User X has no')
    .replace(/\$16\r\nsanitize-payload\r\n/g, '')
    .replace(/ sanitize-payload/g, '')
    .replace(/flags\r\n[*~]\d/g, 'flags\r\n*N')
    .replace(/\$\d+\r\n(.*[-+]@all.*)\r\n/g, (_, rules: string) =>
      rules.split(' ').sort().join(' '),
    );
}

t.test('access lists', { skip: missingPrograms('redis-server') }, async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const tutti = await startServer(['--io-threads', '2']);
  t.teardown(() => tutti.stop());

  for (const resp of [2, 3]) {
    await t.test(`answers as redis-server does in RESP${resp}`, async (t) => {
      const clients = [await RawClient.connect(redis.port), await RawClient.connect(tutti.port)];
      const ask = async (bytes: Buffer) => {
        const replies: string[] = [];
        for (const client of clients) {
          client.send(bytes);
          replies.push(asOf72(await client.reply()));
        }
        return replies;
      };
      if (resp === 3) await ask(encodeLine('HELLO 3'));
      for (const line of aclLines) {
        const [wanted, found] = await ask(encodeLine(line));
        t.equal(found, wanted, line);
      }
      for (const client of clients) client.close();
    });
  }

  await t.test('allows the same keys and channels', async (t) => {
    const peer = await Connection.open(redis.port);
    const own = await Connection.open(tutti.port);
    const known = (await own.request('COMMAND', 'LIST')) as string[];
    for (const [user, rules] of Object.entries(accessUsers)) {
      for (const server of [peer, own]) {
        const selectors = rules.match(/\([^)]*\)|\S+/g) ?? [];
        await server.request('ACL', 'SETUSER', user, 'reset', ...selectors);
      }
      for (const line of accessLines) {
        const words = splitWords(line);
        if (!known.includes(String(words[0]))) continue;
        const ask = async (server: Connection) => {
          server.send('ACL', 'DRYRUN', user, ...words);
          return asOf72(String(await server.reply()));
        };
        t.equal(await ask(own), await ask(peer), `${user}: ${line}`);
      }
    }
    peer.close();
    own.close();
  });

  await t.test('puts commands into the same categories', async (t) => {
    const peer = await Connection.open(redis.port);
    const own = await Connection.open(tutti.port);
    const categories = (await own.request('ACL', 'CAT')) as string[];
    const read = async (server: Connection) => {
      const found = new Map<string, Set<string>>();
      for (const category of categories) {
        const names = (await server.request('ACL', 'CAT', category)) as string[];
        found.set(category, new Set(names));
      }
      return found;
    };
    const wanted = await read(peer);
    const found = await read(own);
    const namesOf = (all: Map<string, Set<string>>) =>
      new Set([...all.values()].flatMap((names) => [...names]));
    const peerNames = namesOf(wanted);
    // XREAD does not block on all ways to it.
    const both = [...namesOf(found)].filter((name) => peerNames.has(name) && name !== 'xread');
    t.ok(both.length > 150);
    for (const name of both) {
      const of = (all: Map<string, Set<string>>) =>
        categories.filter((category) => all.get(category)?.has(name)).join(' ');
      const changed = { wait: 'slow blocking connection' }[name]; // since 7.2
      t.equal(of(found), changed ?? of(wanted), name);
    }
    peer.close();
    own.close();
  });
});
