import type { ProcessStatistics } from '../engine/addon.ts';
import type { Call } from './command.ts';

export type Fields = Record<string, string | number>;

export interface Section {
  /** As it is asked for. */
  readonly name: string;
  readonly title: string;
  /** Of plain INFO. Sections that are not come with `all`, those of RedisAI with `everything`. */
  readonly isDefault: boolean;
  fields(call: Call, statistics: ProcessStatistics): Fields;
}
