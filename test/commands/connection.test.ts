import t from 'tap';
import { startServer } from '../helpers/server.ts';
import { expectReplies, type Row } from './expect.ts';

const syntax = '-ERR syntax error';
const arity = (name: string) => `-ERR wrong number of arguments for '${name}' command`;
const badName = '-ERR Client names cannot contain spaces, newlines or special characters.';

const handshake: readonly Row[] = [
  ['PING', 'PONG'],
  ['PING hello', 'hello'],
  ['PING a b', arity('ping')],
  ['ECHO "a b"', 'a b'],
  [`ECHO ${'x'.repeat(40_000)}`, 'x'.repeat(40_000)],
  [`PING ${'x'.repeat(200_000)}`, 'x'.repeat(200_000)],
  ['ECHO', arity('echo')],
  ['HELLO a', '-ERR Protocol version is not an integer or out of range'],
  ['HELLO 1', '-NOPROTO unsupported protocol version'],
  ['HELLO 4', '-NOPROTO unsupported protocol version'],
  ['HELLO 2 foo', "-ERR Syntax error in HELLO option 'foo'"],
  ['HELLO 2 AUTH a', "-ERR Syntax error in HELLO option 'AUTH'"],
  ['HELLO 2 SETNAME', "-ERR Syntax error in HELLO option 'SETNAME'"],
  ['HELLO 2 SETNAME "a b"', badName],
  ['HELLO 2 AUTH foo bar', '-WRONGPASS invalid username-password pair or user is disabled.'],
  [
    'HELLO 2 AUTH default x SETNAME me',
    /^server,redis,version,7\.2\.4,proto,2,id,\d+,mode,standalone,role,master,modules,name,ai,ver,10207,path,,args,$/,
  ],
  ['CLIENT GETNAME', 'me'],
  [
    'AUTH x',
    /^-ERR AUTH <password> called without any password configured for the default user\. Are you sure your configuration is correct\?$/,
  ],
  ['AUTH default x', 'OK'],
  ['AUTH foo x', '-WRONGPASS invalid username-password pair or user is disabled.'],
  ['AUTH a b c', syntax],
  ['SELECT 3', 'OK'],
  ['RESET', 'RESET'],
  ['CLIENT GETNAME', null],
  ['CLIENT LIST', / db=0 /],
  ['READONLY', '-ERR This instance has cluster support disabled'],
  ['READWRITE', '-ERR This instance has cluster support disabled'],
  ['ASKING', '-ERR This instance has cluster support disabled'],
  ['CLUSTER SLOTS', '-ERR This instance has cluster support disabled'],
  ['MODULE LIST', [['name', 'ai', 'ver', 10207, 'path', '', 'args', []]]],
  ['MODULE LOAD x', "-ERR unknown subcommand 'LOAD'. Try MODULE HELP."],
  ['eval x 0', "-ERR unknown command 'eval', with args beginning with: 'x' '0' "],
];

const clients: readonly Row[] = [
  ['CLIENT ID', /^\d+$/],
  ['CLIENT SETNAME worker-1', 'OK'],
  ['CLIENT GETNAME', 'worker-1'],
  ['CLIENT SETNAME "a b"', badName],
  ['CLIENT SETNAME ""', 'OK'],
  ['CLIENT GETNAME', null],
  ['CLIENT SETINFO LIB-NAME redis-py', 'OK'],
  ['client setinfo lib-ver 1.2', 'OK'],
  [
    'CLIENT SETINFO LIB-NAME "a b"',
    '-ERR lib-name cannot contain spaces, newlines or special characters.',
  ],
  [
    'CLIENT SETINFO LIB-VER "a b"',
    '-ERR lib-ver cannot contain spaces, newlines or special characters.',
  ],
  ['CLIENT SETINFO nope x', "-ERR Unrecognized option 'nope'"],
  [
    'CLIENT LIST',
    /^id=\d+ addr=127\.0\.0\.1:\d+ laddr=127\.0\.0\.1:\d+ fd=\d+ name= age=\d+ idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=\d+ qbuf-free=0 argv-mem=10 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=\d+ events=r cmd=client\|list user=default redir=-1 resp=2 lib-name=redis-py lib-ver=1\.2\n$/,
  ],
  ['CLIENT LIST TYPE normal', /lib-name=redis-py/],
  ['CLIENT LIST TYPE pubsub', ''],
  ['CLIENT LIST TYPE foo', "-ERR Unknown client type 'foo'"],
  ['CLIENT LIST ID 999999', ''],
  ['CLIENT LIST ID a', '-ERR Invalid client ID'],
  ['CLIENT LIST ID', syntax],
  ['CLIENT LIST foo', syntax],
  ['CLIENT INFO', /^id=\d+ .*lib-ver=1\.2\n$/],
  ['CLIENT NO-EVICT on', 'OK'],
  ['CLIENT NO-EVICT foo', syntax],
  ['CLIENT NO-TOUCH off', 'OK'],
  ['CLIENT REPLY foo', syntax],
  ['CLIENT REPLY ON', 'OK'],
  ['CLIENT KILL ID a', '-ERR client-id should be greater than 0'],
  ['CLIENT KILL ID 0', '-ERR client-id should be greater than 0'],
  ['CLIENT KILL ID 999999', 0],
  ['CLIENT KILL 1.1.1.1:1', '-ERR No such client'],
  ['CLIENT KILL FOO bar', syntax],
  ['CLIENT KILL ID 1 ADDR', syntax],
  ['CLIENT KILL TYPE foo', "-ERR Unknown client type 'foo'"],
  ['CLIENT KILL LADDR a SKIPME maybe', syntax],
  ['CLIENT KILL USER nosuch', "-ERR No such user 'nosuch'"],
  ['CLIENT', arity('client')],
  ['CLIENT FOO', "-ERR unknown subcommand 'FOO'. Try CLIENT HELP."],
  ['CLIENT SETNAME', arity('client|setname')],
  [
    'CLIENT MAINT_NOTIFICATIONS ON',
    "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.",
  ],
];

t.test('connections', async (t) => {
  const server = await startServer();
  t.teardown(() => server.stop());
  for (const [title, rows] of Object.entries({ handshake, clients })) {
    await t.test(title, async (t) => {
      const connection = await server.raw();
      t.teardown(() => connection.close());
      await expectReplies(t, connection, rows);
    });
  }

  await t.test('CLIENT REPLY OFF and SKIP', async (t) => {
    const connection = await server.raw();
    t.teardown(() => connection.close());
    connection.send('CLIENT', 'REPLY', 'SKIP');
    connection.send('ECHO', 'not this');
    connection.send('ECHO', 'this');
    t.equal(await connection.reply(), 'this');
    connection.send('CLIENT', 'REPLY', 'OFF');
    connection.send('ECHO', 'nothing');
    connection.send('CLIENT', 'REPLY', 'SKIP');
    connection.send('CLIENT', 'REPLY', 'ON');
    t.equal(await connection.reply(), 'OK');
    t.equal(await connection.request('ECHO', 'again'), 'again');
  });

  await t.test('CLIENT KILL closes others, and itself after its reply', async (t) => {
    const victim = await server.raw();
    const killer = await server.raw();
    const id = await victim.request('CLIENT', 'ID');
    t.equal(await killer.request('CLIENT', 'KILL', 'ID', String(id)), 1);
    t.equal(await victim.reply(), undefined);
    const own = await killer.request('CLIENT', 'ID');
    t.equal(await killer.request('CLIENT', 'KILL', 'ID', String(own)), 0, 'SKIPME is the default');
    t.equal(await killer.request('CLIENT', 'KILL', 'ID', String(own), 'SKIPME', 'no'), 1);
    t.equal(await killer.reply(), undefined);
  });

  await t.test('QUIT answers what came before it', async (t) => {
    const connection = await server.raw();
    connection.send('ECHO', 'a');
    connection.send('QUIT');
    connection.send('ECHO', 'never');
    t.equal(await connection.reply(), 'a');
    t.equal(await connection.reply(), 'OK');
    t.equal(await connection.reply(), undefined);
  });
});

t.test('a password', async (t) => {
  const server = await startServer(['--requirepass', 'secret']);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  t.teardown(() => connection.close());
  await expectReplies(t, connection, [
    ['PING', '-NOAUTH Authentication required.'],
    ['HELLO 2', /^-NOAUTH HELLO must be called with the client already authenticated/],
    ['AUTH wrong', '-WRONGPASS invalid username-password pair or user is disabled.'],
    ['AUTH other secret', '-WRONGPASS invalid username-password pair or user is disabled.'],
    ['AUTH secret', 'OK'],
    ['PING', 'PONG'],
    ['RESET', 'RESET'],
    ['PING', '-NOAUTH Authentication required.'],
    ['HELLO 2 AUTH default secret', /^server,redis/],
    ['PING', 'PONG'],
    ['CONFIG SET requirepass ""', 'OK'],
  ]);
  const other = await server.raw();
  t.teardown(() => other.close());
  t.equal(await other.request('PING'), 'PONG');
});

t.test('SHUTDOWN', async (t) => {
  const server = await startServer();
  const connection = await server.raw();
  await expectReplies(t, connection, [
    ['SHUTDOWN FOO', syntax],
    ['SHUTDOWN SAVE NOSAVE', syntax],
    ['SHUTDOWN ABORT', '-ERR No shutdown in progress.'],
    ['SHUTDOWN ABORT NOW', syntax],
  ]);
  connection.send('SHUTDOWN', 'NOSAVE');
  t.equal(await connection.reply(), undefined, 'no reply');
  t.strictSame(await server.ended, { status: 0, signal: null });
});
