// LATENCY: what took longer than latency-monitor-threshold, and how long commands take.

import { replyErrors } from '../core/errors.ts';
import { addon } from '../engine/addon.ts';
import type { LatencyEvent } from '../engine/observation-commands.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { container } from './container.ts';
import { graphOf } from './latency-graph.ts';
import { shown } from './words.ts';

const shape = {
  group: 'server',
  since: '2.8.13',
  flags: ['admin', 'noscript', 'loading', 'stale'],
  keys: noKeys,
};

export const latencyCommands: readonly Command[] = [
  container(
    {
      name: 'latency',
      summary: 'A container for commands about latencies.',
      since: '2.8.13',
      group: 'server',
    },
    [
      {
        ...shape,
        name: 'latest',
        summary: 'Returns the latest and the longest time of each event that took long.',
        arity: 2,
        run: latest,
      },
      {
        ...shape,
        name: 'history',
        summary: 'Returns when an event took long, and how long.',
        arity: 3,
        run: history,
      },
      {
        ...shape,
        name: 'reset',
        summary: 'Forgets what is known of some events, or of all.',
        arity: -2,
        run: reset,
      },
      {
        ...shape,
        name: 'graph',
        summary: 'Draws when an event took long, and how long.',
        arity: 3,
        run: graph,
      },
      {
        ...shape,
        name: 'doctor',
        summary: 'Tells in words what took long, and what to look at.',
        arity: 2,
        run: doctor,
      },
      {
        ...shape,
        name: 'histogram',
        summary: 'Returns how many calls of commands took how long.',
        since: '7.0.0',
        arity: -2,
        run: histogram,
      },
    ],
  ),
];

function eventOf({ request }: Call): LatencyEvent | undefined {
  const name = shown(request, 2);
  return addon()
    .latencyEvents()
    .find((event) => event.name === name);
}

function latest({ reply }: Call): void {
  const events = addon().latencyEvents();
  reply.array(events.length);
  for (const { name, samples, millisecondsMax } of events) {
    const last = samples.at(-1);
    reply.array(4);
    reply.bulk(name);
    reply.integer(last?.unixSeconds ?? 0);
    reply.integer(last?.milliseconds ?? 0);
    reply.integer(millisecondsMax);
  }
}

function history(call: Call): void {
  const samples = eventOf(call)?.samples ?? [];
  call.reply.array(samples.length);
  for (const { unixSeconds, milliseconds } of samples) {
    call.reply.array(2);
    call.reply.integer(unixSeconds);
    call.reply.integer(milliseconds);
  }
}

function reset({ reply, request }: Call): void {
  const names: string[] = [];
  for (let i = 2; i < request.count; i++) names.push(shown(request, i));
  reply.integer(addon().latencyReset(names));
}

function graph(call: Call): void {
  const event = eventOf(call);
  if (event === undefined) throw replyErrors.noLatencySamples(shown(call.request, 2));
  call.reply.verbatim(graphOf(event, Math.floor(Date.now() / 1000)));
}

/** What an event is, and what to look at when it takes long. */
const advice: Readonly<Record<string, string>> = {
  command:
    'A command whose work grows with its data. SLOWLOG GET shows which ones; ask for less at a time, or more often.',
  'fast-command':
    'A command that does little by itself: the machine has too few cores for its threads, or it swaps.',
  'expire-cycle':
    'Many keys of the same part of the database expire at once: spread their times to live.',
  'eviction-cycle':
    'Keys are evicted, many at once: maxmemory is small for what is written, or values differ much in size.',
};

function doctor({ reply, server }: Call): void {
  const events = addon().latencyEvents();
  const threshold = server.settings.number('latency-monitor-threshold');
  if (threshold === 0 && events.length === 0) {
    reply.verbatim(
      'Latencies are not watched. CONFIG SET latency-monitor-threshold to the milliseconds that are too long.\n',
    );
    return;
  }
  if (events.length === 0) {
    reply.verbatim(`Nothing has taken ${threshold} ms or longer so far.\n`);
    return;
  }
  const lines = events.map(({ name, samples, millisecondsMax }) => {
    const sum = samples.reduce((total, { milliseconds }) => total + milliseconds, 0);
    const mean = (sum / samples.length).toFixed(1);
    const hint = advice[name] ?? '';
    return `${name}: in ${samples.length} of the latest seconds, ${mean} ms on average, ${millisecondsMax} ms at most. ${hint}\n`;
  });
  reply.verbatim(lines.join(''));
}

function histogram({ reply, request, server }: Call): void {
  const wanted = new Set<string>();
  for (let i = 2; i < request.count; i++) wanted.add(shown(request, i).toLowerCase());
  const found = [...server.commandHistograms()].filter(
    ([name]) => wanted.size === 0 || wanted.has(name) || wanted.has(name.split('|')[0] ?? ''),
  );
  reply.map(found.length);
  for (const [name, steps] of found) {
    reply.bulk(name);
    reply.map(2);
    reply.bulk('calls');
    reply.integer(steps.at(-1)?.[1] ?? 0);
    reply.bulk('histogram_usec');
    reply.map(steps.length);
    for (const [microseconds, calls] of steps) {
      reply.integer(microseconds);
      reply.integer(calls);
    }
  }
}
