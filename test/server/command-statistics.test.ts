import t from 'tap';
import { commandTable } from '../../lib/commands/table.ts';
import {
  COMMANDS_MAX,
  CommandStatistics,
  shareStatistics,
} from '../../lib/server/command-statistics.ts';

const names = ['get', 'set', 'never'];
const [GET, SET] = [0, 1];

/** Turns the clock by hand: `spend` is how long the call takes. */
let nowMs = 1;
t.before(() => {
  performance.now = () => nowMs;
});

function call(statistics: CommandStatistics, command: number, spendMs: number): void {
  const startedMs = statistics.begin(command);
  nowMs += spendMs;
  statistics.end(command, startedMs);
}

t.test('has room for every command', async (t) => {
  let count = 0;
  for (const { subcommands = [] } of commandTable.values()) count += 1 + subcommands.length;
  t.ok(count <= COMMANDS_MAX, `${count}`);
});

t.test('adds up threads, exactly while calls are few', async (t) => {
  const shared = shareStatistics(2);
  const threads = [new CommandStatistics(shared, 0), new CommandStatistics(shared, 1)];
  const [first, second] = threads as [CommandStatistics, CommandStatistics];
  for (let i = 0; i < 30; i++) for (const thread of threads) call(thread, GET, 0.5);
  call(second, SET, 2);
  second.failed(SET);
  second.rejected(SET);
  for (const thread of threads) {
    t.strictSame(
      [...thread.figures(names).entries()],
      [
        ['get', { calls: 60, microseconds: 30_000, rejected: 0, failed: 0 }],
        ['set', { calls: 1, microseconds: 2000, rejected: 1, failed: 1 }],
      ],
    );
  }
  t.equal(first.callCount(names.length), 61);

  // One of two calls that were over at once works on.
  for (let i = 0; i < 2; i++) call(first, SET, 0.001);
  first.worked(SET, 8000);
  t.equal(Math.round(second.figures(names).get('set')?.microseconds ?? 0), 10_002);
  t.strictSame(
    first.histogram(SET).map(([, calls]) => calls),
    [1, 2, 3],
    'it has one place among the latencies',
  );

  first.reset(names.length);
  t.equal(second.figures(names).size, 0);
  t.equal(second.percentiles(names, [50]).size, 0);
  call(second, GET, 1);
  t.strictSame(first.figures(names).get('get'), {
    calls: 1,
    microseconds: 1000,
    rejected: 0,
    failed: 0,
  });
});

t.test('times a sample of many calls, whatever their rhythm', async (t) => {
  const statistics = new CommandStatistics(shareStatistics(1), 0);
  // Every 16th call is slow: a sample that followed the rhythm would see all of them or none.
  const calls = 200_000;
  for (let i = 0; i < calls; i++) call(statistics, GET, i % 16 === 0 ? 0.1 : 0.01);
  const { calls: counted = 0, microseconds = 0 } = statistics.figures(names).get('get') ?? {};
  t.equal(counted, calls);
  const wanted = (calls / 16) * (100 + 15 * 10);
  t.ok(Math.abs(microseconds / wanted - 1) < 0.15, `${microseconds} of ${wanted}`);
});

t.test('percentiles are at most an eighth above the latency', async (t) => {
  const statistics = new CommandStatistics(shareStatistics(1), 0);
  for (let i = 1; i <= 60; i++) call(statistics, GET, i / 1000);
  const [p0, p50, p90, p100] = statistics.percentiles(names, [0, 50, 90, 100]).get('get') ?? [];
  for (const [seen = 0, wanted] of [
    [p0, 1],
    [p50, 30],
    [p90, 54],
    [p100, 60],
  ] as const) {
    t.ok(seen >= wanted - 0.001 && seen <= wanted * 1.125, `${seen} for ${wanted}`);
  }
  call(statistics, SET, 0);
  call(statistics, SET, 1e9);
  t.equal(statistics.percentiles(names, [100]).get('set')?.length, 1, 'any latency has a bucket');
});
