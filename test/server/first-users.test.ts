// Users of the start: the default one, those of the configuration file, and those of a file of their own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Connection, startServer } from '../helpers/server.ts';
import { connect, folderFor, info, noKey, sha256, start, until, wrongPass } from './users.ts';

t.test('the password of the default user', async (t) => {
  const server = await start(t, '--requirepass', 'first');
  const [one, two, three] = await connect(t, server, 3);
  t.equal(await one!.refusal('PING'), 'NOAUTH Authentication required.');
  t.equal(await one!.refusal('ACL', 'WHOAMI'), 'NOAUTH Authentication required.');
  t.equal(await one!.refusal('AUTH', 'default', 'wrong'), wrongPass);
  t.equal(await one!.request('AUTH', 'first'), 'OK');
  t.equal(await two!.request('AUTH', 'default', 'first'), 'OK');
  t.strictSame(await one!.request('CONFIG', 'GET', 'requirepass'), ['requirepass', 'first']);
  t.equal(await one!.request('CONFIG', 'SET', 'requirepass', 'second'), 'OK');
  t.equal(await two!.request('PING'), 'PONG', 'who is in stays in');
  t.equal(await three!.refusal('AUTH', 'first'), wrongPass);
  t.equal(await three!.request('AUTH', 'second'), 'OK');
  t.equal(
    await three!.request('ACL', 'LIST').then(String),
    `user default on sanitize-payload #${sha256('second')} ~* &* +@all`,
  );
  t.equal(await three!.request('RESET'), 'RESET');
  t.equal(await three!.refusal('PING'), 'NOAUTH Authentication required.');
  t.equal(await one!.request('CONFIG', 'SET', 'requirepass', ''), 'OK');
  t.equal(await three!.request('PING'), 'PONG');
  t.match(await three!.refusal('AUTH', 'x'), /^ERR AUTH <password> called without any password/);
  await one!.request('ACL', 'SETUSER', 'default', '-flushall');
  for (const connection of [one!, two!, three!]) {
    t.match(await connection.refusal('FLUSHALL'), /^NOPERM User default has no permissions/);
  }
  await one!.request('ACL', 'SETUSER', 'default', 'off');
  const [late] = await connect(t, server, 1);
  t.equal(await late!.refusal('PING'), 'NOAUTH Authentication required.');
  t.equal(await one!.request('PING'), 'PONG');
});

t.test('who has not said who it is, is held short', async (t) => {
  const server = await start(t, '--requirepass', 'pw');
  const cases: [string, string][] = [
    [`*11\r\n`, 'ERR Protocol error: unauthenticated multibulk length'],
    [`*1\r\n$16385\r\n`, 'ERR Protocol error: unauthenticated bulk length'],
  ];
  for (const [bytes, complaint] of cases) {
    const [connection] = await connect(t, server, 1);
    connection!.write(bytes);
    t.equal((await connection!.reply())?.toString().replace(/^\w+Error: /, ''), complaint);
    t.equal(await connection!.reply(), undefined);
  }
  const [flood] = await connect(t, server, 1);
  flood!.socket.pause();
  const requests = Buffer.from('*1\r\n$4\r\nPING\r\n'.repeat(10_000));
  const closed = new Promise((resolve) => flood!.socket.on('close', resolve));
  const writing = setInterval(() => flood!.socket.write(requests), 5);
  while (!server.log().includes('overcoming of output buffer limits')) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  clearInterval(writing);
  flood!.socket.destroy();
  await closed;
  t.pass('replies that it does not read close it');
});

t.test('a file of users', async (t) => {
  const folder = folderFor(t);
  const path = join(folder, 'users.acl');
  writeFileSync(
    path,
    'user default on >admin ~* &* +@all\n\nuser sim on >pw ~x:* +@read (~y +set)\n',
  );
  const server = await start(t, '--aclfile', path);
  const [admin, worker] = await connect(t, server, 2);
  t.equal(await admin!.refusal('PING'), 'NOAUTH Authentication required.');
  await admin!.request('AUTH', 'admin');
  await worker!.request('AUTH', 'sim', 'pw');
  t.equal(await worker!.request('GET', 'x:1'), null);
  t.equal(await worker!.request('SET', 'y', '1'), 'OK');
  t.equal(await worker!.refusal('SET', 'x:1', '1'), noKey);

  await admin!.request('ACL', 'SETUSER', 'late', 'on', '>z', '~*', '+@all', '-@dangerous');
  t.equal(await admin!.request('ACL', 'SAVE'), 'OK');
  t.equal(
    readFileSync(path, 'utf8'),
    `user default on sanitize-payload #${sha256('admin')} ~* &* +@all\n` +
      `user late on sanitize-payload #${sha256('z')} ~* resetchannels +@all -@dangerous\n` +
      `user sim on sanitize-payload #${sha256('pw')} ~x:* resetchannels -@all +@read (~y resetchannels -@all +set)\n`,
  );
  writeFileSync(path, 'user sim on nopass ~* +@all\nuser sim on\nsim\nuser a foo\nuser b (+get\n');
  t.equal(
    await admin!.refusal('ACL', 'LOAD'),
    `ERR WARNING: Duplicate user 'sim' found on line 2. ${path}:3 should start with user keyword followed by the username. ${path}:4: Syntax error. ${path}:5: Unmatched parenthesis in selector definition.WARNING: ACL errors detected, no change to the previously active ACL rules was performed`,
  );
  t.strictSame(await admin!.request('ACL', 'USERS'), ['default', 'late', 'sim']);
  writeFileSync(path, 'user default on >admin ~* &* +@all\nuser new on nopass ~* +@all\n');
  t.equal(await admin!.request('ACL', 'LOAD'), 'OK');
  t.equal(await worker!.reply(), undefined, 'the user is gone, and so is its connection');
  t.strictSame(await admin!.request('ACL', 'USERS'), ['default', 'new']);
  rmSync(path);
  t.equal(
    await admin!.refusal('ACL', 'LOAD'),
    `ERR Error loading ACLs, opening file '${path}': No such file or directory`,
  );
  t.equal(await admin!.request('ACL', 'SAVE'), 'OK');
  rmSync(folder, { recursive: true });
  t.equal(
    await admin!.refusal('ACL', 'SAVE'),
    'ERR There was an error trying to save the ACLs. Please check the server logs for more information',
  );
  t.match(server.log(), /ACL SAVE to '.*users\.acl' failed: No such file or directory/);
  mkdirSync(folder);
  t.equal(await admin!.request('ACL', 'SAVE'), 'OK');
  t.strictSame(readdirSync(folder), ['users.acl'], 'nothing is left of what failed');
});

t.test('a file that is taken anew ends all connections but those of default', async (t) => {
  const path = join(folderFor(t), 'users.acl');
  const line = (name: string, keys = '~*') => `user ${name} on nopass ${keys} &* +@all\n`;
  const first = ['default', 'changed', 'gone', 'same'].map((name) => line(name)).join('');
  writeFileSync(path, first);
  const server = await start(t, '--aclfile', path);
  const names = ['same', 'changed', 'gone'];
  const [admin, ...others] = await connect(t, server, 9);
  const [caller, waiting, ...quiet] = others;
  for (const [i, other] of others.entries()) {
    await other.request('AUTH', names[i % names.length]!, 'x');
  }
  const [listener] = quiet;
  await listener!.request('SUBSCRIBE', 'channel');
  waiting!.send('BLPOP', 'list', 0);
  await until(async () => (await info(admin!, 'clients'))['blocked_clients'] === '1');
  writeFileSync(path, line('default') + line('changed', '~a') + line('same'));
  t.equal(await caller!.request('ACL', 'LOAD'), 'OK', 'its own ends after the reply');
  for (const other of others) t.equal(await other.reply(), undefined);
  t.equal(await admin!.request('ACL', 'WHOAMI'), 'default');
  t.match(await info(admin!, 'clients'), { blocked_clients: '0', connected_clients: '1' });

  // What is wrong disturbs nobody.
  const [again] = await connect(t, server, 1);
  await again!.request('AUTH', 'same', 'x');
  writeFileSync(path, 'nonsense');
  t.match(await admin!.refusal('ACL', 'LOAD'), /should start with user keyword/);
  t.equal(await again!.request('ACL', 'WHOAMI'), 'same');
});

t.test('which channels new users have', async (t) => {
  const server = await start(t);
  const [admin, other] = await connect(t, server, 2);
  const channelsOf = async (user: string) => {
    const reply = (await other!.request('ACL', 'GETUSER', user)) as unknown[];
    return reply[reply.indexOf('channels') + 1];
  };
  await admin!.request('ACL', 'SETUSER', 'before');
  t.equal(await channelsOf('before'), '');
  t.equal(await admin!.request('CONFIG', 'SET', 'acl-pubsub-default', 'allchannels'), 'OK');
  await admin!.request('ACL', 'SETUSER', 'after');
  t.equal(await channelsOf('after'), '&*');
  t.equal(await channelsOf('before'), '');
  await admin!.request('ACL', 'SETUSER', 'before', 'reset');
  t.equal(await channelsOf('before'), '&*');
});

t.test('lines of the configuration file, and CONFIG REWRITE', async (t) => {
  const path = join(folderFor(t), 'tutti.conf');
  writeFileSync(path, 'maxclients 100\nuser sim on >pw ~x:* (+set ~y)\nuser idle +@all\n');
  const server = await startServer([path, '--io-threads', '2']);
  const connection = await server.raw();
  t.match(server.log(), /The user 'idle' is disabled/);
  t.equal(await connection.request('AUTH', 'sim', 'pw'), 'OK');
  t.equal(await connection.request('SET', 'y', '1'), 'OK');
  const other = await server.raw();
  await other.request('ACL', 'SETUSER', 'sim', '+get');
  await other.request('ACL', 'DELUSER', 'idle');
  const list = await other.request('ACL', 'LIST');
  t.equal(await other.request('CONFIG', 'REWRITE'), 'OK');
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('user '));
  t.strictSame(lines, list);
  await server.stop();
  const again = await start(t, path);
  t.strictSame(await again.request('ACL', 'LIST'), list);
});

t.test('does not start with users that are wrong', async (t) => {
  const folder = folderFor(t);
  const path = join(folder, 'tutti.conf');
  const users = join(folder, 'users.acl');
  const cases: [config: string, users: string, wanted: RegExp][] = [
    [
      'port 0\nuser sim on foo\n',
      '',
      /at line 2\n>>> 'user sim on foo'\nError in user declaration 'foo': Syntax error/,
    ],
    ['user a +nosuch', '', /Error in user declaration '\+nosuch': Unknown command or category/],
    ['user a on\nuser a off', '', /Error in user declaration 'a': Duplicate user found/],
    ['user', '', /Bad directive or wrong number of arguments/],
    [`aclfile ${users}\nuser a on`, '', /aclfile at the same time is invalid/],
    [
      `aclfile ${users}`,
      'user a foo\n',
      /startup because of ACL errors: .*users\.acl:1: Syntax error/,
    ],
    [`aclfile ${folder}/none`, '', /opening file '.*none': No such file/],
  ];
  const file = fileURLToPath(new URL('../../lib/cli/server.js', import.meta.url));
  for (const [config, text, wanted] of cases) {
    writeFileSync(path, config);
    writeFileSync(users, text);
    const child = spawn(process.execPath, [file, path, '--port', '0']);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
      });
    }
    const [status] = await once(child, 'close');
    t.equal(status, 1, config);
    t.match(output, wanted);
  }
});

const outside = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;

t.test('protected mode', { skip: !outside && 'no address but the loopback one' }, async (t) => {
  const server = await start(t, '--bind', '0.0.0.0');
  const fromOutside = () => Connection.open(server.port, outside);
  const refused = await fromOutside();
  t.match(
    String(await refused.reply()),
    /DENIED Redis is running in protected mode .* 4\) Setup a an authentication password/,
  );
  t.equal(await refused.reply(), undefined);
  await server.request('CONFIG', 'SET', 'protected-mode', 'no');
  const allowed = await fromOutside();
  t.equal(await allowed.request('PING'), 'PONG');
  await server.request('CONFIG', 'SET', 'protected-mode', 'yes');
  await server.request('ACL', 'SETUSER', 'default', '>pw');
  const known = await fromOutside();
  t.equal(await known.request('AUTH', 'pw'), 'OK');
  for (const connection of [refused, allowed, known]) connection.close();
});
