// Stock ioredis and node-redis against Tutti, in both protocols.

import { Redis } from 'ioredis';
import { createClient, RESP_TYPES } from 'redis';
import t from 'tap';
import { startServer } from '../helpers/server.ts';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

t.test('Node clients', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());

  for (const protocol of [2, 3] as const) {
    t.test(`ioredis in RESP${protocol}`, async (t) => {
      const client = new Redis({
        port: server.port,
        protocol,
        db: 2,
        connectionName: 'ioredis',
        maxRetriesPerRequest: 0,
      });
      t.teardown(() => client.disconnect());
      t.equal(await client.ping(), 'PONG');
      t.equal(await client.client('GETNAME'), 'ioredis');
      t.match(await client.client('INFO'), new RegExp(` db=2 .* resp=${protocol}`));
      await client.flushdb();

      await client.set('k', everyByte);
      t.strictSame(await client.getBuffer('k'), everyByte, 'strings are binary safe');
      t.equal(await client.set('k', 'v', 'NX'), null);
      t.equal(await client.hset('h', { a: '1', b: '2' }), 2);
      t.strictSame(await client.hgetall('h'), { a: '1', b: '2' });
      t.equal(await client.rpush('l', 'a', 'b', 'c'), 3);
      t.strictSame(await client.lrange('l', 0, -1), ['a', 'b', 'c']);
      t.equal(await client.expire('k', 100), 1);
      t.ok([99, 100].includes(await client.ttl('k')));

      t.strictSame(
        await client
          .pipeline()
          .set('p', '1')
          .get('p')
          .hget('p', 'f')
          .get('p')
          .exec()
          .then((rows) => rows?.map(([error, value]) => error?.message ?? value)),
        ['OK', '1', 'WRONGTYPE Operation against a key holding the wrong kind of value', '1'],
        'a pipeline answers in order',
      );
      t.strictSame(
        await client.multi().set('m', '1').get('m').exec(),
        [
          [null, 'OK'],
          [null, '1'],
        ],
        'a transaction answers in order',
      );
      const other = client.duplicate();
      t.teardown(() => other.disconnect());
      await client.watch('w');
      await other.set('w', 'changed');
      t.equal(
        await client.multi().set('w', 'mine').exec(),
        null,
        'a changed key ends the transaction',
      );

      t.equal(await client.call('AI.TENSORSET', 't', 'FLOAT', 2, 'BLOB', Buffer.alloc(8)), 'OK');
      t.strictSame(await client.callBuffer('AI.TENSORGET', 't', 'BLOB'), Buffer.alloc(8));
      t.strictSame(await client.call('AI.TENSORGET', 't', 'META'), [
        'dtype',
        'FLOAT',
        'shape',
        [2],
      ]);
      await t.rejects(client.call('AI.TENSORGET', 'nope'), {
        message: 'ERR tensor key is empty or in a different shard',
      });

      const listener = client.duplicate();
      t.teardown(() => listener.disconnect());
      const heard = new Promise((resolve) =>
        listener.on('messageBuffer', (channel: Buffer, message: Buffer) =>
          resolve([channel.toString(), message]),
        ),
      );
      const heardByPattern = new Promise((resolve) =>
        listener.on('pmessage', (...words: string[]) => resolve(words.slice(0, 2))),
      );
      t.equal(await listener.subscribe('news'), 1);
      t.equal(await listener.psubscribe('n*'), 2);
      t.equal(await client.publish('news', everyByte), 2);
      t.strictSame(await heard, ['news', everyByte]);
      t.strictSame(await heardByPattern, ['n*', 'news']);
      t.equal(await listener.unsubscribe('news'), 1);
      t.equal(await listener.punsubscribe(), 0);
      t.equal(await listener.get('m'), '1', 'who has left may send anything again');
      const awaited = listener.blpop('q', 10);
      await client.rpush('q', 'x');
      t.strictSame(await awaited, ['q', 'x']);
      t.equal(await client.blpop('q', 0.01), null);
      t.equal(await client.quit(), 'OK');
    });

    t.test(`node-redis in RESP${protocol}`, async (t) => {
      const client = createClient({
        socket: { host: '127.0.0.1', port: server.port, reconnectStrategy: false },
        RESP: protocol,
        database: 3,
        name: 'node-redis',
      });
      client.on('error', (error) => t.fail(`connection: ${error}`));
      await client.connect();
      t.teardown(() => client.isOpen && client.destroy());
      t.equal(await client.ping(), 'PONG');
      t.equal(await client.clientGetName(), 'node-redis');
      t.match(
        await client.sendCommand(['CLIENT', 'INFO']),
        new RegExp(` db=3 .* resp=${protocol} lib-name=node-redis`),
      );
      await client.flushDb();

      const buffers = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
      await client.set('k', everyByte);
      t.strictSame(await buffers.get('k'), everyByte, 'strings are binary safe');
      t.equal(await client.set('k', 'v', { condition: 'NX' }), null);
      t.equal(await client.hSet('h', { a: '1', b: '2' }), 2);
      t.strictSame({ ...(await client.hGetAll('h')) }, { a: '1', b: '2' });
      t.equal(await client.rPush('l', ['a', 'b', 'c']), 3);
      t.strictSame(await client.lRange('l', 0, -1), ['a', 'b', 'c']);
      t.equal(await client.expire('k', 100), 1);
      t.ok([99, 100].includes(await client.ttl('k')));

      const answers = await Promise.all(
        Array.from({ length: 500 }, (_, i) =>
          client.set(`p${i}`, `${i}`).then(() => client.get(`p${i}`)),
        ),
      );
      t.strictSame(
        answers,
        Array.from({ length: 500 }, (_, i) => `${i}`),
        'a pipeline answers in order',
      );
      t.strictSame([...(await client.multi().set('m', '1').get('m').exec())], ['OK', '1']);

      const other = client.duplicate();
      await other.connect();
      t.teardown(() => other.destroy());
      await client.watch('w');
      await other.set('w', 'changed');
      await t.rejects(client.multi().set('w', 'mine').exec(), 'a changed key ends the transaction');

      const values = ['1.5', '-0.25', '1.1'];
      t.equal(
        await client.sendCommand(['AI.TENSORSET', 't', 'DOUBLE', '3', 'VALUES', ...values]),
        'OK',
      );
      t.strictSame(
        await client.sendCommand(['AI.TENSORGET', 't', 'VALUES']),
        protocol === 2 ? values : values.map(Number),
        'values are doubles in RESP3',
      );
      t.strictSame(
        await buffers.sendCommand(['AI.TENSORGET', 't', 'BLOB']),
        Buffer.from(new Float64Array(values.map(Number)).buffer),
      );
      await t.rejects(client.sendCommand(['AI.TENSORGET', 'nope']), {
        message: 'ERR tensor key is empty or in a different shard',
      });

      const listener = client.duplicate();
      await listener.connect();
      t.teardown(() => listener.destroy());
      const heard = new Promise((resolve) => {
        void listener.subscribe('news', (message, channel) => resolve([channel, message]));
      });
      const heardByPattern = new Promise((resolve) => {
        void listener.pSubscribe('n*', (message, channel) => resolve([channel, message]));
      });
      while ((await client.publish('news', 'hello')) < 2);
      t.strictSame(await heard, ['news', 'hello']);
      t.strictSame(await heardByPattern, ['news', 'hello']);
      await listener.unsubscribe();
      await listener.pUnsubscribe();
      t.equal(String(await listener.get('m')), '1', 'it may send anything again');
      const awaited = listener.blPop('q', 10);
      await client.rPush('q', 'x');
      const { key, element } = (await awaited) ?? {};
      t.strictSame([String(key), String(element)], ['q', 'x']);
      t.equal(await client.blPop('q', 0.01), null);
      await client.close();
    });
  }
});
