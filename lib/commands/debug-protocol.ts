// DEBUG PROTOCOL: a value of each type of RESP, for tests of clients. The values are those of Redis 7.

import { replyErrors } from '../core/errors.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';

const BIG_NUMBER = '1234567999999999999999999999999999999';

const replies: Readonly<Record<string, (reply: ReplyEncoder) => void>> = {
  string: (reply) => reply.bulk('Hello World'),
  integer: (reply) => reply.integer(12345),
  double: (reply) => reply.double('3.141'),
  bignum(reply) {
    if (reply.resp === 3) raw(reply, `(${BIG_NUMBER}\r\n`);
    else reply.bulk(BIG_NUMBER);
  },
  null: (reply) => reply.nil(),
  array(reply) {
    reply.array(3);
    for (let i = 0; i < 3; i++) reply.integer(i);
  },
  set(reply) {
    reply.set(3);
    for (let i = 0; i < 3; i++) reply.integer(i);
  },
  map(reply) {
    reply.map(3);
    for (let i = 0; i < 3; i++) {
      reply.integer(i);
      truth(reply, i === 1);
    }
  },
  attrib(reply) {
    // Nobody reads them in RESP2.
    if (reply.resp === 3)
      raw(reply, '|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n');
    reply.bulk('Some real reply following the attribute');
  },
  push(reply) {
    if (reply.resp === 2) throw replyErrors.notInResp2();
    reply.push(2);
    reply.bulk('server-cpu-usage');
    reply.integer(42);
    reply.bulk('Some real reply following the push reply');
  },
  verbatim: (reply) => reply.verbatim('This is a verbatim\nstring'),
  true: (reply) => truth(reply, true),
  false: (reply) => truth(reply, false),
};

/** @throws {ReplyError} There is no such type. */
export function replyOfType(reply: ReplyEncoder, type: string): void {
  if (!Object.hasOwn(replies, type)) throw replyErrors.noReplyType();
  replies[type]?.(reply);
}

function truth(reply: ReplyEncoder, value: boolean): void {
  if (reply.resp === 3) raw(reply, value ? '#t\r\n' : '#f\r\n');
  else reply.integer(value ? 1 : 0);
}

function raw(reply: ReplyEncoder, text: string): void {
  reply.raw(Buffer.from(text));
}
