// oom-score-adj: how readily the kernel ends this process when memory runs out (`oom_score_adj` of proc(5)).

import { readFileSync, writeFileSync } from 'node:fs';
import type { Settings } from '../config/settings.ts';
import { log } from '../core/log.ts';
import { systemReason } from '../core/system-error.ts';

const PATH = '/proc/self/oom_score_adj';
/** What the kernel takes, below and above 0. */
const SCORE_MAX = 1000;

export class OomScore {
  /** What it was before; undefined: the server has not changed it. */
  #before: number | undefined;

  /** At the start, where a refusal ends nothing. */
  begin(settings: Settings): void {
    this.apply(settings);
  }

  /**
   * Of the values the first counts, which is a primary's: there are no replicas and no child processes.
   * @returns Whether it could be written; the log says why not. Only the privileged may lower it.
   */
  apply(settings: Settings): boolean {
    const mode = settings.text('oom-score-adj');
    if (mode === 'no' && this.#before === undefined) return true;
    try {
      const before = this.#before ?? Number(readFileSync(PATH, 'latin1'));
      const [value = 0] = settings.text('oom-score-adj-values').split(' ').map(Number);
      const asked = mode === 'no' ? before : mode === 'absolute' ? value : before + value;
      writeFileSync(PATH, String(Math.min(Math.max(asked, -SCORE_MAX), SCORE_MAX)));
      this.#before = mode === 'no' ? undefined : before;
      return true;
    } catch (error) {
      log.warning(`oom_score_adj cannot be written: ${systemReason(error)}`);
      return false;
    }
  }
}
