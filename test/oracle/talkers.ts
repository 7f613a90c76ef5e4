// Several clients of one server, of which some may wait: what each was answered, and what was pushed to it.

import { setTimeout as delay } from 'node:timers/promises';
import { RawClient } from '../helpers/raw-client.ts';
import { encodeLine } from './notation.ts';
import { request } from './replies.ts';

/** How long an answer may be missing; reached only where a server does not give it. */
const ANSWER_MS_MAX = 10_000;

/** A message of a channel, in RESP2 or RESP3; confirmations of SUBSCRIBE and the like are answers. */
const message = /^[*>][34]\r\n\$[78]\r\n[ps]?message\r\n/;

/** One client: what is due to it, and what has come. */
class Talker {
  readonly client: RawClient;
  readonly id: string;
  answers: string[] = [];
  messages: string[] = [];
  /** Answers that are due and have not come. */
  due = 0;
  /** Whether MULTI was the last of MULTI, EXEC, DISCARD and RESET that it has said and was granted. */
  isInTransaction = false;
  /** Of SUBSCRIBE, PSUBSCRIBE and SSUBSCRIBE: the words of each. */
  readonly subscribed = { '': new Set<string>(), P: new Set<string>(), S: new Set<string>() };

  private constructor(client: RawClient, id: string) {
    this.client = client;
    this.id = id;
  }

  static async connect(port: number, resp: string): Promise<Talker> {
    const client = await RawClient.connect(port);
    await client.call('HELLO', resp);
    const talker = new Talker(client, (await client.call('CLIENT', 'ID')).slice(1, -2));
    talker.#listen();
    return talker;
  }

  get isListening(): boolean {
    return Object.values(this.subscribed).some((words) => words.size > 0);
  }

  say(words: readonly string[]): void {
    this.due += this.#answerCount(words);
    this.client.send(request(...words));
  }

  async #listen(): Promise<void> {
    for (;;) {
      const reply = await this.client.nextReply();
      if (reply === undefined) return;
      if (message.test(reply)) this.messages.push(reply);
      else {
        this.due--;
        this.answers.push(reply);
      }
    }
  }

  /** SUBSCRIBE and its kin answer once for each channel, without words for each that there is. */
  #answerCount([name = '', ...channels]: readonly string[]): number {
    if (name === 'RESET') for (const words of Object.values(this.subscribed)) words.clear();
    const [, kind = '', un] = /^([PS]?)(UN)?SUBSCRIBE$/.exec(name) ?? [];
    if (!name.endsWith('SUBSCRIBE')) return 1;
    const words = this.subscribed[kind as 'P'];
    const count = channels.length || Math.max(1, words.size);
    if (un === undefined) for (const channel of channels) words.add(channel);
    else if (channels.length === 0) words.clear();
    else for (const channel of channels) words.delete(channel);
    return count;
  }
}

/** Of `e` only what it is told counts: it hears of each change of a key. */
export const names = ['a', 'b', 'c', 'd', 'e'] as const;
export const speakers = ['a', 'b', 'c', 'd'] as const;
export type Name = (typeof names)[number];

/** What a turn has brought to one of them. */
export interface Heard {
  readonly answers: readonly string[];
  readonly messages: readonly string[];
}

/** The same clients, at one of the two servers. */
export class Company {
  readonly talkers: Readonly<Record<Name, Talker>>;
  readonly #observer: RawClient;

  private constructor(talkers: Record<Name, Talker>, observer: RawClient) {
    this.talkers = talkers;
    this.#observer = observer;
  }

  static async meet(port: number, resps: Readonly<Record<Name, string>>): Promise<Company> {
    const observer = await RawClient.connect(port);
    const talkers = {} as Record<Name, Talker>;
    for (const name of names) talkers[name] = await Talker.connect(port, resps[name]);
    return new Company(talkers, observer);
  }

  /** Tells `e` of keys from now on. */
  async announceKeys(): Promise<void> {
    await this.aside('CONFIG SET notify-keyspace-events KEA');
    this.say('e', ['PSUBSCRIBE', '__key*__:*']);
    await this.settle();
    this.take();
  }

  /** @param words `@a` stands for the number of client `a`. */
  say(who: Name, words: readonly string[]): void {
    const ids = (word: string) => this.talkers[word.slice(1) as Name]?.id;
    this.talkers[who].say(
      words.map((word) => (/^@[a-d]$/.test(word) ? (ids(word) ?? word) : word)),
    );
  }

  /** Notes what an answer says of the client's transaction. */
  noteTransaction(who: Name, [name]: readonly string[], answers: readonly string[]): void {
    const talker = this.talkers[who];
    if (name === 'MULTI' && answers[0] === '+OK\r\n') talker.isInTransaction = true;
    if (name === 'EXEC' || name === 'DISCARD' || name === 'RESET') talker.isInTransaction = false;
  }

  /** Who has no answer to what was said. */
  waiting(): Name[] {
    return names.filter((name) => this.talkers[name].due > 0);
  }

  /**
   * Waits until who has no answer yet is blocked, as the server counts them, and what the last turn
   * has brought is here: an answer to the observer comes after what was written before it.
   * @param answered Who must have been answered, as its wait ends of itself.
   * @throws {Error} That does not come true in time.
   */
  async settle(answered?: Name): Promise<void> {
    const isSettled = async () => {
      if (answered !== undefined && this.talkers[answered].due > 0) {
        await delay(1);
        return false;
      }
      const before = this.waiting().length;
      const blocked = await this.#blockedCount();
      await new Promise(setImmediate);
      return before === blocked && this.waiting().length === blocked;
    };
    if (!(await comesTrue(isSettled))) {
      throw new Error(`${this.waiting().join(' and ')} neither answered nor blocked`);
    }
  }

  /** Waits until as much has come as the other server has given, and as many wait as there. @returns Whether that came true in time. */
  settleAs(other: Company): Promise<boolean> {
    return comesTrue(async () => {
      for (const name of names) {
        const { answers, messages } = this.talkers[name];
        const wanted = other.talkers[name];
        if (answers.length < wanted.answers.length) return false;
        if (messages.length < wanted.messages.length) return false;
      }
      return (await this.#blockedCount()) === other.waiting().length;
    });
  }

  /** What has come to each since the last call. */
  take(): Record<Name, Heard> {
    const heard = {} as Record<Name, Heard>;
    for (const name of names) {
      const { answers, messages } = this.talkers[name];
      heard[name] = { answers, messages };
      this.talkers[name].answers = [];
      this.talkers[name].messages = [];
    }
    return heard;
  }

  /** Says something aside, of which nobody else hears. */
  aside(line: string): Promise<string> {
    this.#observer.send(encodeLine(line));
    return this.#observer.reply();
  }

  part(): void {
    for (const name of names) this.talkers[name].client.close();
    this.#observer.close();
  }

  async #blockedCount(): Promise<number> {
    return Number(/blocked_clients:(\d+)/.exec(await this.aside('INFO clients'))?.[1]);
  }
}

/** @returns Whether it came true in time. */
async function comesTrue(isSo: () => Promise<boolean>): Promise<boolean> {
  const end = Date.now() + ANSWER_MS_MAX;
  while (Date.now() < end) {
    if (await isSo()) return true;
    await new Promise(setImmediate);
  }
  return false;
}
