// Runs that are answered by the thread that makes them: whoever sends them sees no difference but the
// time. They take some milliseconds here.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import { framed, type StartedServer, startServer } from '../helpers/server.ts';
import { infoNumber } from '../helpers/waiting.ts';

const ROWS = 64;
const COLUMNS = 4;
const OK = '+OK\r\n';
const run = ['AI.MODELEXECUTE', 'm', 'INPUTS', 1, 'x', 'OUTPUTS', 1] as const;

/** All that a server sends on one connection. */
class Wire {
  seen = '';
  readonly socket: Socket;
  #onData = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.seen += chunk.toString('latin1');
      this.#onData();
    });
  }

  static async open(server: StartedServer): Promise<Wire> {
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    return new Wire(socket);
  }

  /** Sends requests as one, and takes a reply of so many bytes. */
  async ask(
    byteCount: number,
    ...requests: (readonly (string | number | Buffer)[])[]
  ): Promise<string> {
    this.socket.write(Buffer.concat(requests.map(framed)));
    while (this.seen.length < byteCount) {
      await new Promise<void>((resolve) => {
        this.#onData = resolve;
      });
    }
    const reply = this.seen.slice(0, byteCount);
    this.seen = this.seen.slice(byteCount);
    return reply;
  }
}

t.test('with models', { skip: missingModelMakers() }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());

  for (const backend of ['ONNX', 'TORCH'] as const) {
    await t.test(backend, async (t) => {
      const server = await startServer(['--io-threads', '2']);
      t.teardown(() => server.stop());
      const { file } = models.model(backend, 'mlp-4-1024-1024-2');
      await server.request('AI.MODELSTORE', 'm', backend, 'CPU', 'BLOB', readFileSync(file));
      const rows = Buffer.alloc(4 * ROWS * COLUMNS, 1);
      await server.request('AI.TENSORSET', 'x', 'FLOAT', ROWS, COLUMNS, 'BLOB', rows);
      const open = async (t: Test) => {
        const wire = await Wire.open(server);
        t.teardown(() => wire.socket.destroy());
        return wire;
      };

      await t.test('one after the other', async (t) => {
        const wire = await open(t);
        const before = await infoNumber(server, 'total_net_output_bytes');
        for (let i = 0; i < 50; i++) t.equal(await wire.ask(OK.length, [...run, `y${i}`]), OK);
        const sent = (await infoNumber(server, 'total_net_output_bytes')) - before;
        t.ok(sent >= 50 * OK.length, 'their replies are counted');
        t.equal(await server.request('EXISTS', 'y0', 'y49'), 2);
        t.equal(wire.seen, '');
      });

      await t.test('between other commands', async (t) => {
        const wire = await open(t);
        const wanted = `+PONG\r\n${OK}+PONG\r\n${OK}`;
        for (let i = 0; i < 20; i++) {
          const reply = await wire.ask(
            wanted.length,
            ['PING'],
            [...run, 'y'],
            ['PING'],
            [...run, 'z'],
          );
          t.equal(reply, wanted);
        }
        for (let i = 0; i < 20; i++) {
          const afterwards = `${OK}+PONG\r\n`;
          t.equal(await wire.ask(afterwards.length, [...run, 'y'], ['PING']), afterwards);
        }
      });

      await t.test('without replies', async (t) => {
        const wire = await open(t);
        for (let i = 0; i < 10; i++) {
          const words = [['CLIENT', 'REPLY', 'SKIP'], [...run, 'y'], ['PING']];
          t.equal(await wire.ask(7, ...words), '+PONG\r\n');
        }
        wire.socket.write(framed(['CLIENT', 'REPLY', 'OFF']));
        for (let i = 0; i < 10; i++) wire.socket.write(framed([...run, 'y']));
        t.equal(await wire.ask(OK.length, ['CLIENT', 'REPLY', 'ON']), OK);
      });

      await t.test('that fail', async (t) => {
        const wire = await open(t);
        await server.request('RPUSH', 'list', 'a');
        const wanted = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n';
        for (let i = 0; i < 10; i++) {
          t.equal(await wire.ask(wanted.length, [...run, 'list']), wanted);
          t.equal(await wire.ask(OK.length, [...run, 'y']), OK);
        }
      });

      await t.test('while messages come', async (t) => {
        const wire = await open(t);
        wire.socket.write(framed(['HELLO', '3']));
        wire.socket.write(framed(['SUBSCRIBE', 'news']));
        const subscribed = '>3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n';
        while (!wire.seen.endsWith(subscribed)) await once(wire.socket, 'data');
        wire.seen = '';
        const message = '>3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n';
        let isOver = false;
        const publishing = (async () => {
          let count = 0;
          for (; !isOver; count++) await server.request('PUBLISH', 'news', 'hello');
          return count;
        })();
        const runCount = 100;
        let okCount = 0;
        for (let i = 0; i < runCount; i++) {
          wire.socket.write(framed([...run, 'y']));
          for (;;) {
            okCount = wire.seen.split(OK).length - 1;
            if (okCount > i) break;
            await once(wire.socket, 'data');
          }
        }
        isOver = true;
        const messageCount = await publishing;
        const wantedBytes = messageCount * message.length + runCount * OK.length;
        while (wire.seen.length < wantedBytes) await once(wire.socket, 'data');
        t.ok(messageCount > 0);
        const rest = wire.seen.replaceAll(message, '').replaceAll(OK, '');
        t.equal(rest, '', 'none is cut by another');
        t.equal(okCount, runCount);
      });

      await t.test('of clients that leave', async (t) => {
        for (let i = 0; i < 100; i++) {
          const leaving = await Wire.open(server);
          leaving.socket.write(framed([...run, 'left']));
          if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, i % 5));
          leaving.socket.destroy();
          const next = await Wire.open(server);
          t.equal(await next.ask(7, ['PING']), '+PONG\r\n', 'nothing of others');
          next.socket.destroy();
        }
        t.equal(await server.request('PING'), 'PONG');
      });

      await t.test('of clients that are killed', async (t) => {
        for (let i = 0; i < 50; i++) {
          const wire = await Wire.open(server);
          const { localPort } = wire.socket;
          t.equal(await wire.ask(7, ['PING']), '+PONG\r\n');
          wire.socket.write(framed([...run, 'killed']));
          await new Promise((resolve) => setTimeout(resolve, i % 4));
          t.equal(await server.request('CLIENT', 'KILL', 'ADDR', `127.0.0.1:${localPort}`), 1);
          wire.socket.destroy();
        }
        t.equal(await server.request('PING'), 'PONG');
      });
    });
  }
});
