// Publish and subscribe. The native core knows who listens; what is published comes by mailbox to
// the threads of those who do.

import { replyErrors } from '../core/errors.ts';
import { addon } from '../engine/addon.ts';
import { subscriptionKinds } from '../engine/event-commands.ts';
import { checked } from '../keyspace/keyspace.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { container } from './container.ts';
import { shown } from './words.ts';

const shape = { group: 'pubsub', categories: ['@pubsub'], keys: noKeys };
const listenFlags = ['pubsub', 'noscript', 'loading', 'stale'];
const publishFlags = ['pubsub', 'loading', 'stale', 'fast'];
const shardChannel = { first: 1, last: 1, step: 1 };
const shardChannels = { first: 1, last: -1, step: 1 };

type Kind = (typeof subscriptionKinds)[keyof typeof subscriptionKinds];

export const pubsubCommands: readonly Command[] = [
  {
    ...shape,
    name: 'subscribe',
    summary: 'Listens to channels.',
    since: '2.0.0',
    arity: -2,
    flags: listenFlags,
    run: (call) => listen(call, subscriptionKinds.channel),
  },
  {
    ...shape,
    name: 'unsubscribe',
    summary: 'Stops listening to channels, or to all.',
    since: '2.0.0',
    arity: -1,
    flags: listenFlags,
    run: (call) => leave(call, subscriptionKinds.channel),
  },
  {
    ...shape,
    name: 'psubscribe',
    summary: 'Listens to channels that match patterns.',
    since: '2.0.0',
    arity: -2,
    flags: listenFlags,
    run: (call) => listen(call, subscriptionKinds.pattern),
  },
  {
    ...shape,
    name: 'punsubscribe',
    summary: 'Stops listening to patterns, or to all.',
    since: '2.0.0',
    arity: -1,
    flags: listenFlags,
    run: (call) => leave(call, subscriptionKinds.pattern),
  },
  {
    ...shape,
    name: 'ssubscribe',
    summary: 'Listens to channels of a shard.',
    since: '7.0.0',
    arity: -2,
    flags: listenFlags,
    keys: shardChannels,
    run: (call) => listen(call, subscriptionKinds.shardChannel),
  },
  {
    ...shape,
    name: 'sunsubscribe',
    summary: 'Stops listening to channels of a shard, or to all.',
    since: '7.0.0',
    arity: -1,
    flags: listenFlags,
    keys: shardChannels,
    run: (call) => leave(call, subscriptionKinds.shardChannel),
  },
  {
    ...shape,
    name: 'publish',
    summary: 'Sends a message to who listens to a channel, and returns how many.',
    since: '2.0.0',
    arity: 3,
    flags: publishFlags,
    run: ({ reply }) => reply.integer(checked(addon().publish(1, 2, 0))),
  },
  {
    ...shape,
    name: 'spublish',
    summary: 'Sends a message to who listens to a channel of a shard, and returns how many.',
    since: '7.0.0',
    arity: 3,
    flags: publishFlags,
    keys: shardChannel,
    run: ({ reply }) => reply.integer(checked(addon().publish(1, 2, 1))),
  },
  container(
    {
      name: 'pubsub',
      summary: 'A container for commands about channels.',
      since: '2.8.0',
      group: 'pubsub',
    },
    [
      namesRow('channels', 'Returns the channels that are listened to.', '2.8.0', 0),
      countsRow('numsub', 'Returns how many listen to each of some channels.', '2.8.0', 0),
      {
        ...shape,
        name: 'numpat',
        summary: 'Returns how many patterns are listened to.',
        since: '2.8.0',
        arity: 2,
        flags: ['pubsub', 'loading', 'stale'],
        run: ({ reply }) => reply.integer(addon().channelCount(subscriptionKinds.pattern)),
      },
      namesRow('shardchannels', "Returns a shard's channels that are listened to.", '7.0.0', 2),
      countsRow(
        'shardnumsub',
        "Returns how many listen to each of some of a shard's channels.",
        '7.0.0',
        2,
      ),
    ],
  ),
];

/** @param kind One of `subscriptionKinds`. */
function namesRow(name: string, summary: string, since: string, kind: Kind): Command {
  return {
    ...shape,
    name,
    summary,
    since,
    arity: -2,
    flags: ['pubsub', 'loading', 'stale'],
    run({ reply, request }) {
      if (request.count > 3) throw replyErrors.wrongSubcommandWords(shown(request, 1), 'PUBSUB');
      reply.rows(checked(addon().channelNames(kind, request.count > 2 ? 2 : -1)));
    },
  };
}

/** @param kind One of `subscriptionKinds`. */
function countsRow(name: string, summary: string, since: string, kind: Kind): Command {
  return {
    ...shape,
    name,
    summary,
    since,
    arity: -2,
    flags: ['pubsub', 'loading', 'stale'],
    run: ({ reply, request }) =>
      reply.rows(checked(addon().channelListeners(kind, 2, request.count - 2))),
  };
}

function listen(call: Call, kind: Kind): void {
  const { client, request } = call;
  answer(call, addon().subscribe(kind, client.id, 1, request.count - 1));
}

function leave(call: Call, kind: Kind): void {
  const { client, request } = call;
  answer(call, addon().unsubscribe(kind, client.id, 1, request.count - 1));
}

/** A reply a name, also where CLIENT REPLY has turned replies off. */
function answer({ client, keyspace, reply }: Call, rows: number): void {
  checked(rows);
  const [, , channels = 0, patterns = 0, shardChannels = 0] = keyspace.numbers;
  reply.aloud(() => reply.rows(rows));
  client.subscriptions = { channels, patterns, shardChannels };
}
