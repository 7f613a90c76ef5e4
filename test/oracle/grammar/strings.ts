import { rules } from './rules.ts';

export const stringRules = [
  ...rules(
    'exact',
    `
    SET <string> <value> (NX|XX|GET|KEEPTTL|EXAT 99999999999|NX GET|XX KEEPTTL|)
    SET <string> <value>
    SET <string> <number>
    GET <string>
    GETSET <string> <value>
    GETDEL <string>
    GETEX <string> (PERSIST|EXAT 99999999999|PXAT 99999999999999|EX 0|EX x|)
    SETNX <string> <value>
    SETEX <string> (0|-1|x) <value>
    PSETEX <string> (0|x|-5) <value>
    MGET <any>+
    MSET (<string> <value>)+
    MSETNX (<string> <value>)+
    STRLEN <string>
    APPEND <string> <value>
    GETRANGE <string> <index> <index>
    SUBSTR <string> <index> <index>
    SETRANGE <string> <offset> <value>
    INCR <string>
    DECR <string>
    INCRBY <string> <number>
    DECRBY <string> <number>
    INCRBY <string> <large>
    DECRBY <string> <large>
    INCRBYFLOAT <string> <float>
    LCS <string> <string> (LEN|IDX|IDX WITHMATCHLEN|IDX MINMATCHLEN 2|LEN IDX|)
    OBJECT ENCODING <string>
    `,
  ),
];

export const bitRules = rules(
  'exact',
  `
  SETBIT <string> <offset> <bit>
  SETBIT <string> <offset> <bit>
  GETBIT <string> <offset>
  BITCOUNT <string>
  BITCOUNT <string> <index> <index> (BYTE|BIT|)
  BITPOS <string> <bit>
  BITPOS <string> <bit> <index>
  BITPOS <string> <bit> <index> <index> (BYTE|BIT|)
  BITOP (AND|OR|XOR) <string> <string>+
  BITOP NOT <string> <string>
  BITFIELD <string> (GET <field> <place>|SET <field> <place> <int>|INCRBY <field> <place> <int>|OVERFLOW (SAT|FAIL|WRAP|X))+
  BITFIELD <string> OVERFLOW (SAT|FAIL|WRAP) INCRBY <field> <place> <large> SET <field> <place> <int>
  BITFIELD_RO <string> GET <field> <place>
  BITFIELD_RO <string> SET u8 0 1
  SET <string> <value>
  GET <string>
  STRLEN <string>
  `,
);
