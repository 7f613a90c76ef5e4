// Every command: the dispatcher, COMMAND and the README read this table.

import { aclCommands } from './acl.ts';
import { aiCommands } from './ai.ts';
import { bitCommands } from './bits.ts';
import { blockingCommands } from './blocking.ts';
import { clientCommands } from './client.ts';
import { clusterCommands } from './cluster.ts';
import type { Command } from './command.ts';
import { configCommands } from './config.ts';
import { connectionCommands } from './connection.ts';
import { dagCommands } from './dag.ts';
import { debugCommands } from './debug.ts';
import { functionCommands } from './function.ts';
import { hashCommands } from './hash.ts';
import { infoCommands } from './info.ts';
import { introspectionCommands } from './introspection.ts';
import { keyCommands } from './keys.ts';
import { latencyCommands } from './latency.ts';
import { listCommands } from './list.ts';
import { memoryCommands } from './memory.ts';
import { modelCommands } from './model.ts';
import { moduleCommands } from './module.ts';
import { monitorCommands } from './monitor.ts';
import { objectCommands } from './object.ts';
import { persistenceCommands } from './persistence.ts';
import { pubsubCommands } from './pubsub.ts';
import { scanCommands } from './scan.ts';
import { scriptCommands } from './script.ts';
import { serverCommands } from './server.ts';
import { setCommands } from './set.ts';
import { slowLogCommands } from './slowlog.ts';
import { sortCommands } from './sort.ts';
import { sortedSetCommands } from './sorted-set.ts';
import { streamCommands } from './stream.ts';
import { stringCommands } from './string.ts';
import { tensorCommands } from './tensor.ts';
import { transactionCommands } from './transaction.ts';

/** By name, in lower case. */
export const commandTable: ReadonlyMap<string, Command> = new Map(
  [
    ...connectionCommands,
    ...clientCommands,
    ...serverCommands,
    ...infoCommands,
    ...configCommands,
    ...introspectionCommands,
    ...aclCommands,
    ...slowLogCommands,
    ...latencyCommands,
    ...memoryCommands,
    ...debugCommands,
    ...moduleCommands,
    ...functionCommands,
    ...clusterCommands,
    ...keyCommands,
    ...objectCommands,
    ...persistenceCommands,
    ...scanCommands,
    ...sortCommands,
    ...stringCommands,
    ...bitCommands,
    ...hashCommands,
    ...listCommands,
    ...setCommands,
    ...sortedSetCommands,
    ...streamCommands,
    ...blockingCommands,
    ...transactionCommands,
    ...pubsubCommands,
    ...monitorCommands,
    ...tensorCommands,
    ...modelCommands,
    ...scriptCommands,
    ...dagCommands,
    ...aiCommands,
  ].map((command) => [command.name, command]),
);
