// All the errors a command can answer, sent as `-CODE message`. In Redis' and RedisAI's own words
// where they have them (compat.md sections 1 and 4).

/** An error a client is answered: not logged, and cheap (no stack). */
export class ReplyError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = limit;
    this.code = code;
  }

  /** The line as it is sent, without `-` and CRLF. An empty code is a text that RedisAI sends bare. */
  get line(): string {
    const line = this.code === '' ? this.message : `${this.code} ${this.message}`;
    return line.replace(/[\r\n]+/g, ' ');
  }
}

/** The stream is lost: the message is sent, then the connection is closed. */
export class ProtocolError extends Error {}

const err = (message: string) => new ReplyError('ERR', message);

export const replyErrors = {
  wrongType: () => new ReplyError('WRONGTYPE', 'Operation against a key holding the wrong kind of value'),
  outOfMemory: () => new ReplyError('OOM', "command not allowed when used memory > 'maxmemory'."),
  syntax: () => err('syntax error'),
  notInteger: () => err('value is not an integer or out of range'),
  noSuchKey: () => err('no such key'),
  wrongArity: (name: string) => err(`wrong number of arguments for '${name}' command`),
} as const;
