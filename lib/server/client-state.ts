import { DEFAULT_USER } from '../auth/acl.ts';
import type { User } from '../auth/user.ts';
import { type Denial, deniedWord } from '../commands/access.ts';
import { type Client, noSubscriptions, type Transaction } from '../commands/command.ts';
import { asText, fromBytes } from '../core/byte-string.ts';
import type { Request } from '../resp/request.ts';
import type { NewConnection } from './connection.ts';
import type { ConnectionHost } from './connection-host.ts';

/** What commands see and change of their client; the client table is told what others ask for. */
export abstract class ClientState implements Client {
  /** Of the client table. */
  readonly id: number;
  readonly address: string;
  readonly localAddress: string;
  db = 0;
  isTouching = true;
  isEvictable = true;
  watchedCount = 0;
  /** It must say who it is before anything else. */
  isUnauthenticated = false;
  /** There is something that it may not do: the access list must be asked. */
  isLimited = false;
  changesUsers = false;
  /** Bytes that MULTI has queued, without blobs. */
  queuedBytes = 0;
  /** Those of the blobs. */
  queuedBlobBytes = 0;
  /** Its replies are being framed. */
  isInTurn = false;
  readonly #host: ConnectionHost;
  #name = '';
  #libName = '';
  #libVersion = '';
  #access: User | undefined;
  /** What it was allowed to listen to when that was last looked at. */
  #allowedChannels: readonly string[] = [];
  #isAuthenticated: boolean;
  #resp: 2 | 3 = 2;
  #transaction: Transaction | undefined;
  #replyMode: Client['replyMode'] = 'on';
  #subscriptions = noSubscriptions;
  #isMonitor = false;
  isListening = false;
  /** It has left a channel: messages for it may still be on their way. */
  protected hasLeft = false;

  constructor(
    host: ConnectionHost,
    id: number,
    { address, localAddress }: Pick<NewConnection, 'address' | 'localAddress'>,
  ) {
    this.id = id;
    this.address = address;
    this.localAddress = localAddress;
    this.#host = host;
    this.#access = host.acl.defaultUser;
    this.#isAuthenticated = host.acl.admitsAnyone;
    this.checkAccess();
  }

  abstract closeAfterReply(): void;
  abstract get flags(): string;
  /** Others are to see what has changed. */
  abstract noteState(): void;

  get name(): string {
    return this.#name;
  }
  set name(name: string) {
    this.#name = name;
    this.#host.addon.clientSetText(this.id, 'name', name);
  }
  get libName(): string {
    return this.#libName;
  }
  set libName(libName: string) {
    this.#libName = libName;
    this.#host.addon.clientSetText(this.id, 'libName', libName);
  }
  get libVersion(): string {
    return this.#libVersion;
  }
  set libVersion(libVersion: string) {
    this.#libVersion = libVersion;
    this.#host.addon.clientSetText(this.id, 'libVersion', libVersion);
  }
  get user(): string {
    return asText(this.#access?.name ?? DEFAULT_USER);
  }
  /** Whose rights it has. Undefined: they are deleted, and it is about to be closed. */
  get access(): User | undefined {
    return this.#access;
  }
  login(user: User): void {
    this.#isAuthenticated = true;
    this.#become(user);
  }
  logout(): void {
    this.#isAuthenticated = this.#host.acl.admitsAnyone;
    this.#become(this.#host.acl.defaultUser);
  }
  #become(user: User): void {
    if (user !== this.#access) this.#host.addon.clientSetText(this.id, 'user', asText(user.name));
    this.#access = user;
    this.#allowedChannels = user.channels;
    this.checkAccess();
  }
  /**
   * To be called when users have changed.
   * @returns Whether it may stay: its user is there, and still listens to what it was allowed to.
   */
  checkAccess(): boolean {
    const { acl } = this.#host;
    const access = this.#access;
    if (access !== undefined && acl.find(access.name) !== access) this.#access = undefined;
    this.isUnauthenticated = !this.#isAuthenticated && !acl.admitsAnyone;
    this.isLimited = this.isUnauthenticated || this.#access?.isUnlimited !== true;
    if (this.#access === undefined) return false;
    const hasLost = this.isSubscriber && this.#access.hasLost(this.#allowedChannels);
    this.#allowedChannels = this.#access.channels;
    return !hasLost;
  }
  onDenied(denial: Denial, command: string, request: Request, isInTransaction: boolean): void {
    const { reason, word } = denial;
    this.#host.services.logDenial({
      reason,
      context: isInTransaction ? 'multi' : 'toplevel',
      object: reason === 'command' ? command : fromBytes(deniedWord(request, word)),
      user: this.#access?.name ?? DEFAULT_USER,
      clientId: this.id,
    });
  }
  get resp(): 2 | 3 {
    return this.#resp;
  }
  set resp(resp: 2 | 3) {
    this.#resp = resp;
    this.isListening = resp === 2 && this.isSubscriber;
    if (this.isInTurn) this.#host.encoder.resp = resp;
  }
  get transaction(): Transaction | undefined {
    return this.#transaction;
  }
  /** The queued requests are released with their transaction. */
  set transaction(transaction: Transaction | undefined) {
    for (const { request, prepared } of this.#transaction?.queued ?? []) {
      request.release();
      prepared?.drop();
    }
    this.queuedBytes = 0;
    this.queuedBlobBytes = 0;
    this.#transaction = transaction;
  }
  watch(firstKey: number, count: number): void {
    this.watchedCount = this.#host.addon.clientWatch(this.id, this.db, firstKey, count);
  }
  unwatch(): void {
    if (this.watchedCount > 0) this.#host.addon.clientUnwatch(this.id);
    this.watchedCount = 0;
  }
  watchedHaveChanged(): boolean {
    return this.watchedCount > 0 && this.#host.addon.clientWatchedHaveChanged(this.id) === 1;
  }
  get watchedSlots(): readonly number[] {
    return this.watchedCount > 0 ? this.#host.addon.clientWatchedSlots(this.id) : [];
  }
  get subscriptions(): Client['subscriptions'] {
    return this.#subscriptions;
  }
  set subscriptions(counts: Client['subscriptions']) {
    const total = (of: Client['subscriptions']) => of.channels + of.patterns + of.shardChannels;
    if (total(counts) < total(this.#subscriptions)) this.hasLeft = true;
    this.#subscriptions = counts;
    this.isListening = this.#resp === 2 && this.isSubscriber;
    this.noteState();
  }
  /** It listens to something. */
  get isSubscriber(): boolean {
    const { channels, patterns, shardChannels } = this.#subscriptions;
    return channels + patterns + shardChannels > 0;
  }
  get isMonitor(): boolean {
    return this.#isMonitor;
  }
  set isMonitor(isMonitor: boolean) {
    if (isMonitor === this.#isMonitor) return;
    this.#isMonitor = isMonitor;
    this.#host.monitors.add(isMonitor ? 1 : -1);
    if (isMonitor) this.#host.addon.monitorStart(this.id);
    this.noteState();
  }
  stopListening(): void {
    if (!this.#isMonitor && !this.isSubscriber) return;
    this.#host.addon.listenerForget(this.id);
    this.isMonitor = false;
    this.subscriptions = noSubscriptions;
    this.hasLeft = true;
  }
  get replyMode(): Client['replyMode'] {
    return this.#replyMode;
  }
  set replyMode(mode: Client['replyMode']) {
    this.#replyMode = mode;
    if (mode === 'on') this.#host.encoder.isMuted = false;
  }
}
