// Users and their rights over the wire, on several I/O threads.

import t from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import { failure, run, storeModel, storeTensor } from '../helpers/scripts.ts';
import { connect, info, noKey, start, until, wrongPass } from './users.ts';

const skip = missingModelMakers();

t.test('a change counts on all threads once it is answered', async (t) => {
  const server = await start(t);
  const [admin, ...workers] = await connect(t, server, 5);
  await admin!.request('ACL', 'SETUSER', 'sim', 'on', '>pw', '~x:*', '+get', '+set');
  for (const worker of workers) t.equal(await worker.request('AUTH', 'sim', 'pw'), 'OK');
  for (const worker of workers) {
    t.equal(await worker.refusal('SET', 'y', '1'), noKey);
    t.equal(await worker.request('SET', 'x:1', '1'), 'OK');
    t.equal(
      await worker.refusal('DEL', 'x:1'),
      "NOPERM User sim has no permissions to run the 'del' command",
    );
  }
  for (let round = 0; round < 20; round++) {
    await admin!.request('ACL', 'SETUSER', 'sim', '~y', '+del');
    for (const worker of workers) t.equal(await worker.request('SET', 'y', '1'), 'OK');
    await admin!.request('ACL', 'SETUSER', 'sim', 'resetkeys', '~x:*', '-del');
    for (const worker of workers) t.equal(await worker.refusal('SET', 'y', '1'), noKey);
  }
  t.equal(
    await admin!.refusal('ACL', 'SETUSER', 'sim', '+del', 'nonsense'),
    "ERR Error in ACL SETUSER modifier 'nonsense': Syntax error",
  );
  for (const worker of workers) {
    t.match(await worker.refusal('DEL', 'x:1'), /^NOPERM/, 'all rules are taken, or none');
  }
});

t.test('changes from all threads at once leave the same users everywhere', async (t) => {
  const server = await start(t);
  const connections = await connect(t, server, 4);
  await Promise.all(
    connections.flatMap((connection, which) =>
      Array.from({ length: 50 }, (_, i) =>
        i % 5 === 4
          ? connection.request('ACL', 'DELUSER', `u${i % 7}`)
          : connection.request('ACL', 'SETUSER', `u${i % 7}`, `~${which}:${i}:*`, '+get', '-get'),
      ),
    ),
  );
  const [first, ...others] = await Promise.all(
    connections.map((connection) => connection.request('ACL', 'LIST')),
  );
  for (const other of others) t.strictSame(other, first);
});

t.test('a deleted user loses its connections on all threads', async (t) => {
  const server = await start(t);
  const [admin, ...workers] = await connect(t, server, 5);
  await admin!.request('ACL', 'SETUSER', 'sim', 'on', 'nopass', '~*', '+@all');
  await admin!.request('ACL', 'SETUSER', 'other', 'on', 'nopass', '~*', '+@all');
  for (const worker of workers.slice(0, 3)) await worker.request('AUTH', 'sim', 'x');
  await workers[3]!.request('AUTH', 'other', 'x');
  const list = String(await admin!.request('CLIENT', 'LIST'));
  t.equal(list.match(/ user=sim /g)?.length, 3);
  t.equal(list.match(/ user=other /g)?.length, 1);
  t.equal(await admin!.request('ACL', 'DELUSER', 'sim', 'nobody'), 1);
  for (const worker of workers.slice(0, 3)) t.equal(await worker.reply(), undefined);
  t.equal(await workers[3]!.request('PING'), 'PONG');
  t.equal(await workers[3]!.request('ACL', 'DELUSER', 'other'), 1, 'its own, after the reply');
  t.equal(await workers[3]!.reply(), undefined);
  t.equal(await admin!.refusal('AUTH', 'sim', 'x'), wrongPass);
});

t.test('a connection that waits is closed at once too', async (t) => {
  const server = await start(t);
  const [admin, ...workers] = await connect(t, server, 4);
  await admin!.request('ACL', 'SETUSER', 'sim', 'on', 'nopass', '~*', '+@all');
  for (const worker of workers) await worker.request('AUTH', 'sim', 'x');
  workers[0]!.send('WAIT', 1, 0);
  workers[1]!.send('WAIT', 1, 0);
  await until(async () => {
    const list = String(await admin!.request('CLIENT', 'LIST'));
    return list.match(/ flags=b .*cmd=wait/g)?.length === 2;
  });
  await workers[2]!.request('MULTI');
  await workers[2]!.request('ACL', 'DELUSER', 'sim');
  t.strictSame(await workers[2]!.request('EXEC'), [1], 'its own after the reply');
  for (const worker of workers) t.equal(await worker.reply(), undefined);
  t.match(await info(admin!, 'clients'), { blocked_clients: '0', connected_clients: '1' });
});

t.test('passwords are shown to nobody', async (t) => {
  const server = await start(t);
  const [admin, monitor] = await connect(t, server, 2);
  t.equal(await monitor!.request('MONITOR'), 'OK');
  await admin!.request('CONFIG', 'SET', 'slowlog-log-slower-than', '0');
  await admin!.request('ACL', 'SETUSER', 'sim', 'on', '>secret');
  await admin!.request('AUTH', 'sim', 'secret');
  await admin!.request('AUTH', 'default', 'x');
  await admin!.request('CONFIG', 'SET', 'requirepass', 'secret');
  await admin!.request('CONFIG', 'SET', 'requirepass', '');
  await admin!.request('ECHO', 'the end');
  const lines: string[] = [];
  while (!lines.at(-1)?.includes('the end')) {
    const line = await monitor!.reply();
    if (line === undefined) throw new Error(`the monitor ended: ${server.log()}`);
    lines.push(String(line));
  }
  t.ok(lines.filter((line) => line.includes('(redacted)')).length >= 2);
  t.notMatch(lines.join('\n'), 'secret');
  t.notMatch(JSON.stringify(await admin!.request('SLOWLOG', 'GET', '-1')), 'secret');
});

t.test('channels: who may use which, and who must leave', async (t) => {
  const server = await start(t);
  const [admin, ...listeners] = await connect(t, server, 5);
  const channels = ['&news.*', '&weather'];
  await admin!.request('ACL', 'SETUSER', 'sim', 'on', 'nopass', '+@all', ...channels);
  for (const listener of listeners) await listener.request('AUTH', 'sim', 'x');
  const [news, weather, pattern, none] = listeners;
  const denied = 'NOPERM No permissions to access a channel';
  t.equal(await news!.refusal('SUBSCRIBE', 'news.a', 'sport'), denied);
  t.equal(await news!.refusal('PUBLISH', 'sport', 'x'), denied);
  t.equal(await news!.refusal('PSUBSCRIBE', 'news.a*'), denied);
  t.equal(await news!.request('PUBLISH', 'news.a', 'x'), 0);
  t.strictSame(await news!.request('SUBSCRIBE', 'news.a'), ['subscribe', 'news.a', 1]);
  t.strictSame(await weather!.request('SUBSCRIBE', 'weather'), ['subscribe', 'weather', 1]);
  t.strictSame(await pattern!.request('PSUBSCRIBE', 'news.*'), ['psubscribe', 'news.*', 1]);
  await admin!.request('ACL', 'SETUSER', 'sim', '&sport');
  t.equal(await admin!.request('PUBLISH', 'news.a', 'x'), 2, 'more rights disturb nobody');
  await admin!.request('ACL', 'SETUSER', 'sim', 'allchannels');
  await admin!.request('ACL', 'SETUSER', 'sim', 'resetchannels', '&weather');
  t.strictSame(await news!.reply(), ['message', 'news.a', 'x']);
  t.strictSame(await pattern!.reply(), ['pmessage', 'news.*', 'news.a', 'x']);
  for (const listener of [news!, weather!, pattern!]) t.equal(await listener.reply(), undefined);
  t.equal(await none!.request('PING'), 'PONG', 'who does not listen stays');
  t.equal(await admin!.request('PUBLISH', 'news.a', 'x'), 0);
});

t.test('CLIENT KILL USER closes those of one user', async (t) => {
  const server = await start(t);
  const [admin, ...workers] = await connect(t, server, 4);
  // As long as a name may be, and one that differs at its end.
  const name = 'n'.repeat(253);
  for (const letter of ['a', 'b']) {
    await admin!.request('ACL', 'SETUSER', name + letter, 'on', 'nopass', '+@all');
  }
  t.equal(
    await admin!.refusal('ACL', 'SETUSER', `${name}aa`),
    "ERR Usernames can't be longer than 254 bytes",
  );
  await workers[0]!.request('AUTH', `${name}a`, 'x');
  await workers[1]!.request('AUTH', `${name}a`, 'x');
  await workers[2]!.request('AUTH', `${name}b`, 'x');
  t.equal(await admin!.request('CLIENT', 'KILL', 'USER', `${name}a`), 2);
  for (const worker of workers.slice(0, 2)) t.equal(await worker.reply(), undefined);
  t.equal(await workers[2]!.request('PING'), 'PONG');
  t.equal(await admin!.refusal('CLIENT', 'KILL', 'USER', 'nobody'), "ERR No such user 'nobody'");
});

t.test('inside MULTI rights are looked at when queued and at EXEC', async (t) => {
  const server = await start(t);
  const [admin, worker] = await connect(t, server, 2);
  await admin!.request('ACL', 'SETUSER', 'sim', 'on', 'nopass', '~x:*', '+@all', '-flushall');
  await worker!.request('AUTH', 'sim', 'x');
  await worker!.request('MULTI');
  t.equal(await worker!.request('SET', 'x:1', 'a'), 'QUEUED');
  t.equal(await worker!.refusal('SET', 'y', 'a'), noKey);
  t.match(await worker!.refusal('EXEC'), /^EXECABORT/);
  await worker!.request('MULTI');
  await worker!.request('SET', 'x:1', 'a');
  await worker!.request('SET', 'x:2', 'a');
  await worker!.request('CONFIG', 'SET', 'maxmemory', '0');
  await worker!.request('PING');
  await admin!.request('ACL', 'SETUSER', 'sim', 'resetkeys', '~x:2', '-config');
  const changed =
    'NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: ';
  const replies = (await worker!.request('EXEC')) as unknown[];
  t.strictSame(
    replies.map((reply) => (reply instanceof Error ? reply.message : reply)),
    [
      `${changed}no permission to touch the specified keys`,
      'OK',
      `${changed}no permission to execute the command or subcommand`,
      'PONG',
    ],
  );
  t.equal(await admin!.request('EXISTS', 'x:1', 'x:2'), 1);
  const log = (await admin!.request('ACL', 'LOG')) as unknown[][];
  t.strictSame(
    log.map((entry) => entry.slice(2, 10)),
    [
      // CONFIG SET is carried out before the keys are locked.
      ['reason', 'key', 'context', 'multi', 'object', 'x:1', 'username', 'sim'],
      ['reason', 'command', 'context', 'multi', 'object', 'config|set', 'username', 'sim'],
      ['reason', 'key', 'context', 'multi', 'object', 'y', 'username', 'sim'],
    ],
  );
});

t.test('ACL LOG groups, keeps the newest and forgets', async (t) => {
  const server = await start(t, '--acllog-max-len', '3');
  const [admin, worker, other] = await connect(t, server, 3);
  await admin!.request('ACL', 'SETUSER', 'sim', 'on', '>pw', '+get', '+info');
  for (const connection of [worker!, other!]) {
    t.equal(await connection.refusal('AUTH', 'sim', 'wrong'), wrongPass);
    await connection.request('AUTH', 'sim', 'pw');
    for (let i = 0; i < 3; i++) t.equal(await connection.refusal('GET', 'a'), noKey);
  }
  const log = (await admin!.request('ACL', 'LOG')) as unknown[][];
  const of = (entry: unknown[] | undefined, name: string) => entry?.[entry.indexOf(name) + 1];
  t.strictSame(
    log.map((entry) => ['count', 'reason', 'object', 'username'].map((name) => of(entry, name))),
    [
      [6, 'key', 'a', 'sim'],
      [2, 'auth', 'AUTH', 'sim'],
    ],
  );
  const id = await other!.request('ACL', 'WHOAMI').catch((error: Error) => error.message);
  t.match(id, /acl\|whoami/);
  t.match(of(log[0], 'client-info'), /^id=\d+ addr=127\.0\.0\.1:\d+ .* user=sim /);
  t.match(of(log[0], 'age-seconds'), /^\d+(\.\d+)?$/);
  t.equal(of(log[0], 'entry-id'), 1);
  t.ok(Number(of(log[0], 'timestamp-last-updated')) >= Number(of(log[0], 'timestamp-created')));
  for (const key of ['b', 'c', 'd']) await worker!.refusal('GET', key);
  const objects = ((await admin!.request('ACL', 'LOG', 100)) as unknown[][]).map((entry) =>
    of(entry, 'object'),
  );
  t.strictSame(objects, ['d', 'c', 'b']);
  t.equal(((await admin!.request('ACL', 'LOG', 1)) as unknown[]).length, 1);
  await worker!.refusal('GET', 'k'.repeat(5000));
  const [long] = (await admin!.request('ACL', 'LOG', 1)) as unknown[][];
  t.equal(of(long, 'object'), 'k'.repeat(1024), 'long names are cut');
  t.match(await info(admin!, 'stats'), {
    acl_access_denied_auth: '2',
    acl_access_denied_cmd: '1',
    acl_access_denied_key: '10',
    acl_access_denied_channel: '0',
  });
  t.equal(await admin!.request('ACL', 'LOG', 'RESET'), 'OK');
  t.strictSame(await admin!.request('ACL', 'LOG'), []);
  await admin!.request('CONFIG', 'RESETSTAT');
  t.match(await info(admin!, 'stats'), { acl_access_denied_key: '0' });
});

t.test('keys of AI commands: read, written, within a DAG', async (t) => {
  const server = await start(t);
  const [admin, worker] = await connect(t, server, 2);
  const rules = ['%R~in:*', '%R~net', '%W~out:*', '+@all'];
  await admin!.request('ACL', 'SETUSER', 'sim', 'on', 'nopass', ...rules);
  const cases: [allowed: boolean, words: string][] = [
    [true, 'AI.TENSORGET in:a'],
    [false, 'AI.TENSORGET out:a'],
    [true, 'AI.TENSORSET out:a FLOAT 1 VALUES 1'],
    [false, 'AI.TENSORSET in:a FLOAT 1 VALUES 1'],
    [true, 'AI.MODELEXECUTE net INPUTS 1 in:a OUTPUTS 2 out:a out:b'],
    [false, 'AI.MODELEXECUTE secret INPUTS 1 in:a OUTPUTS 1 out:a'],
    [false, 'AI.MODELEXECUTE net INPUTS 2 in:a secret OUTPUTS 1 out:a'],
    [false, 'AI.MODELEXECUTE net INPUTS 1 in:a OUTPUTS 2 out:a in:a'],
    [false, 'AI.MODELEXECUTE net INPUTS x in:a OUTPUTS 1 out:a'],
    [true, 'AI.MODELRUN net INPUTS in:a OUTPUTS out:a out:b'],
    [true, 'AI.MODELRUN net TIMEOUT 10 INPUTS in:a OUTPUTS out:a'],
    [false, 'AI.MODELRUN net INPUTS in:a secret OUTPUTS out:a'],
    [false, 'AI.MODELRUN net INPUTS in:a OUTPUTS out:a OUTPUTS'],
    [true, 'AI.SCRIPTEXECUTE net f INPUTS 1 in:a ARGS 1 secret OUTPUTS 1 out:a TIMEOUT 10'],
    [false, 'AI.SCRIPTEXECUTE net f KEYS 1 in:a INPUTS 1 in:a OUTPUTS 1 out:a'],
    [false, 'AI.SCRIPTEXECUTE net f INPUTS 1 secret OUTPUTS 1 out:a'],
    [true, 'AI.SCRIPTRUN net f INPUTS in:a $ in:b OUTPUTS out:a'],
    [false, 'AI.SCRIPTRUN net f INPUTS in:a $ secret OUTPUTS out:a'],
    [false, 'AI.SCRIPTRUN net f INPUTS in:a OUTPUTS secret'],
    [
      true,
      'AI.DAGEXECUTE LOAD 1 in:a PERSIST 1 out:a ROUTING r |> AI.MODELEXECUTE net INPUTS 1 in:a OUTPUTS 1 t |> AI.TENSORGET t',
    ],
    [false, 'AI.DAGEXECUTE LOAD 1 secret |> AI.TENSORGET secret'],
    [false, 'AI.DAGEXECUTE LOAD 1 in:a PERSIST 1 in:a |> AI.TENSORGET in:a'],
    [
      false,
      'AI.DAGEXECUTE LOAD 1 in:a |> AI.TENSORGET in:a |> AI.MODELEXECUTE secret INPUTS 1 in:a OUTPUTS 1 t',
    ],
    [false, 'AI.DAGRUN LOAD 1 in:a |> AI.MODELRUN secret INPUTS in:a OUTPUTS t'],
    [false, 'AI.DAGRUN |> AI.SCRIPTRUN secret f INPUTS in:a OUTPUTS t'],
    [false, 'AI.DAGRUN_RO TIMEOUT |> LOAD 1 secret |> AI.TENSORGET secret'],
    [true, 'AI.INFO net'],
    [false, 'AI.MODELGET secret META'],
    [false, 'AI.MODELSTORE net ONNX CPU BLOB x'],
    [false, 'AI.SCRIPTDEL net'],
  ];
  for (const [isAllowed, line] of cases) {
    const words = line.split(' ');
    const verdict = String(await admin!.request('ACL', 'DRYRUN', 'sim', ...words));
    t.equal(verdict === 'OK', isAllowed, `${line}: ${verdict}`);
  }
  await worker!.request('AUTH', 'sim', 'x');
  t.equal(await worker!.request('AI.TENSORSET', 'out:t', 'FLOAT', 1, 'VALUES', 1), 'OK');
  t.equal(await worker!.refusal('AI.TENSORGET', 'out:t', 'VALUES'), noKey);
  // The key is a blob of its own, beyond what is compared; one that a user of all keys may name.
  const long = Buffer.alloc(1024 * 1024 + 1, 'o');
  await admin!.request('ACL', 'SETUSER', 'sim', '~o*');
  t.equal(await worker!.refusal('GET', long), noKey);
  t.equal(await worker!.request('GET', long.subarray(1)), null);
  await admin!.request('ACL', 'SETUSER', 'sim', 'allkeys');
  t.equal(await worker!.request('GET', long), null);
});

t.test('commands of scripts are those of who runs them', { skip }, async (t) => {
  const server = await start(t);
  const [admin, worker] = await connect(t, server, 2);
  await admin!.request('ACL', 'SETUSER', 'sim', 'on', 'nopass', '~x:*', '~script', '+@all', '-del');
  await worker!.request('AUTH', 'sim', 'x');
  const set = ['redis.execute("SET", args[0], "1")', 'return torch.tensor(1)'];
  const outputs = ['x:o'];
  t.equal(await run(worker!, set, { keys: ['x:1'], args: ['x:1'], outputs }), 'OK');
  t.match(await failure(worker!, set, { keys: ['x:1'], args: ['y'], outputs }), noKey);
  const del = ['redis.execute("DEL", args[0])', 'return torch.tensor(1)'];
  t.match(
    await failure(worker!, del, { keys: ['x:1'], args: ['x:1'], outputs }),
    "NOPERM User sim has no permissions to run the 'del' command",
  );
  t.equal(await run(admin!, del, { keys: ['x:1'], args: ['x:1'], outputs }), 'OK', 'another may');
  await admin!.request('ACL', 'SETUSER', 'sim', '-set', '+del');
  t.match(
    await failure(worker!, set, { keys: ['x:1'], args: ['x:1'], outputs }),
    /NOPERM User sim/,
  );
  t.equal(await run(worker!, del, { keys: ['x:1'], args: ['x:1'], outputs }), 'OK');
  const [entry] = (await admin!.request('ACL', 'LOG', 1)) as unknown[][];
  const wanted = ['reason', 'command', 'context', 'module', 'object', 'set', 'username', 'sim'];
  t.strictSame(entry?.slice(2, 10), wanted);
});

t.test('models that scripts run are those that who runs them may run', { skip }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());
  const server = await start(t);
  const [admin, worker] = await connect(t, server, 2);
  const model = models.model('TORCH', 'mlp-30-128-128-2');
  for (const key of ['x:model', 'secret']) await storeModel(server, key, model);
  await storeTensor(server, 'x:in', model.inputs[0]!);
  const lists = { keys: ['x:1'], inputs: ['x:in'], outputs: ['x:out'] };
  const call = (key: string) => [`return redisAI.model_execute("${key}", tensors, 1)[0]`];
  t.equal(await run(admin!, call('secret'), lists), 'OK');
  await admin!.request('ACL', 'SETUSER', 'sim', 'on', 'nopass', '~x:*', '~script', '+@all');
  await worker!.request('AUTH', 'sim', 'x');
  t.equal(await run(worker!, call('x:model'), lists), 'OK');
  t.match(await failure(worker!, call('secret'), lists), noKey);
  t.equal(await run(admin!, call('secret'), lists), 'OK', 'another may');
  await admin!.request('ACL', 'SETUSER', 'sim', '%R~sec*');
  t.equal(await run(worker!, call('secret'), lists), 'OK', 'reading it is enough');
  await admin!.request('ACL', 'SETUSER', 'sim', '-ai.modelexecute');
  t.match(await failure(worker!, call('secret'), lists), /NOPERM User sim .*'ai.modelexecute'/i);
});

t.test('names, passwords and patterns are bytes', async (t) => {
  const server = await start(t);
  const [admin, worker] = await connect(t, server, 2);
  const name = Buffer.from([0xff, 0x6e, 0xc3]);
  const password = Buffer.from([0x80, 0x00, 0xfe]);
  const pattern = Buffer.concat([Buffer.from('~'), Buffer.from([0xe9]), Buffer.from('*')]);
  const marked = (mark: string, bytes: Buffer) => Buffer.concat([Buffer.from(mark), bytes]);
  await admin!.request('ACL', 'SETUSER', name, 'on', marked('>', password), pattern, '+set');
  t.equal(await worker!.refusal('AUTH', name, 'x'), wrongPass);
  t.equal(await worker!.request('AUTH', name, password), 'OK');
  t.equal(await worker!.request('SET', Buffer.from([0xe9, 0x41]), '1'), 'OK');
  t.equal(await worker!.refusal('SET', Buffer.from('é'), '1'), noKey);
  admin!.send('ACL', 'USERS');
  t.strictSame(await admin!.binaryReply(), [Buffer.from('default'), name]);
});
