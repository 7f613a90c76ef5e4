// All the errors a command can answer, sent as `-CODE message`. In Redis' and RedisAI's own words
// where they have them (compat.md sections 1 and 4).

import { asText } from './byte-string.ts';

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
    return line.replace(/[\r\n]/g, ' ');
  }
}

/** The first words of error replies, for the README. */
export const errorCodeMeanings: Readonly<Record<string, string>> = {
  BUSYKEY: 'The key to be restored exists already.',
  ERR: 'Anything that has no code of its own; the words say what.',
  EXECABORT: 'EXEC does nothing, since a queued command was refused.',
  LOADING: 'The file is being loaded; the command has to wait until that is done.',
  MISCONF:
    'The data could not be saved, so nothing may be changed (`stop-writes-on-bgsave-error`).',
  NOAUTH: 'The connection must authenticate first.',
  NOGROUP: 'The stream has no such group of consumers.',
  NOPERM: 'The user may not run the command, or not on that key or channel.',
  NOPROTO: 'HELLO names a protocol other than 2 and 3.',
  NOREPLICAS: '`min-replicas-to-write` asks for replicas; this server has none.',
  NOTBUSY: 'FUNCTION KILL finds no function that runs.',
  OOM: 'The command needs memory beyond `maxmemory`.',
  UNBLOCKED: 'CLIENT UNBLOCK has ended the wait of the command.',
  WRONGPASS: 'The password is not that of the user.',
  WRONGTYPE: 'The key holds a value of another type.',
};

/** The stream is lost: the message is sent, then the connection is closed. */
export class ProtocolError extends Error {}

const err = (message: string) => new ReplyError('ERR', message);
/** A text that RedisAI sends without a code: clients compare it. */
const bare = (message: string) => new ReplyError('', message);

type ArgumentList = 'inputs' | 'outputs';
const nameOf = { inputs: 'INPUTS', outputs: 'OUTPUTS' } as const;
const oneOf = { inputs: 'input', outputs: 'output' } as const;
const capitalized = { inputs: 'Input', outputs: 'Output' } as const;

type DagClause = 'LOAD' | 'PERSIST';
const whereTo = { LOAD: 'LOAD into DAG', PERSIST: 'PERSIST after DAG execution' } as const;

export const replyErrors = {
  // --- any command ---
  wrongType: () =>
    new ReplyError('WRONGTYPE', 'Operation against a key holding the wrong kind of value'),
  outOfMemory: () => new ReplyError('OOM', "command not allowed when used memory > 'maxmemory'."),
  syntax: () => err('syntax error'),
  notInteger: () => err('value is not an integer or out of range'),
  noSuchKey: () => err('no such key'),
  wrongArity: (name: string) => err(`wrong number of arguments for '${name}' command`),
  /** @param args The first words, each in quotes and followed by a blank. */
  unknownCommand: (name: string, args: string) =>
    err(`unknown command '${name}', with args beginning with: ${args}`),
  /** @param container In capitals. */
  unknownSubcommand: (name: string, container: string) =>
    err(`unknown subcommand '${name}'. Try ${container} HELP.`),
  argumentTooLong: (name: string) => err(`an argument of '${name}' is too long`),
  shuttingDown: () => err('the server is shutting down'),

  // --- connections ---
  noAuth: () => new ReplyError('NOAUTH', 'Authentication required.'),
  helloWithoutAuth: () =>
    new ReplyError(
      'NOAUTH',
      'HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    ),
  wrongPassword: () =>
    new ReplyError('WRONGPASS', 'invalid username-password pair or user is disabled.'),
  noPasswordSet: () =>
    err(
      'AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    ),
  noProtocol: () => new ReplyError('NOPROTO', 'unsupported protocol version'),
  protocolNotInteger: () => err('Protocol version is not an integer or out of range'),
  helloOption: (word: string) => err(`Syntax error in HELLO option '${word}'`),
  databaseOutOfRange: () => err('DB index is out of range'),
  clientName: () => err('Client names cannot contain spaces, newlines or special characters.'),
  clientInfo: (option: string) =>
    err(`${option} cannot contain spaces, newlines or special characters.`),
  unrecognizedOption: (word: string) => err(`Unrecognized option '${word}'`),
  unknownClientType: (word: string) => err(`Unknown client type '${word}'`),
  noSuchUser: (name: string) => err(`No such user '${name}'`),
  noSuchClient: () => err('No such client'),
  clientIdTooSmall: () => err('client-id should be greater than 0'),
  invalidClientId: () => err('Invalid client ID'),
  clientsMax: () => err('max number of clients reached'),
  clusterDisabled: () => err('This instance has cluster support disabled'),

  /** Where the container checks the count itself. */
  wrongSubcommandWords: (name: string, container: string) =>
    err(`unknown subcommand or wrong number of arguments for '${name}'. Try ${container} HELP.`),
  pauseMode: () => err('CLIENT PAUSE mode must be WRITE or ALL'),
  unblockReason: () => err('CLIENT UNBLOCK reason should be TIMEOUT or ERROR'),
  timeoutNotInteger: () => err('timeout is not an integer or out of range'),
  timeoutNegative: () => err('timeout is negative'),
  timeoutNotFloat: () => err('timeout is not a float or out of range'),
  timeoutOutOfRange: () => err('timeout is out of range'),
  unblocked: () => new ReplyError('UNBLOCKED', 'client unblocked via CLIENT UNBLOCK'),

  // --- pub/sub ---
  listening: (name: string) =>
    err(
      `Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
    ),
  monitorDenied: () => err("MONITOR isn't allowed for DENY BLOCKING client"),
  // --- access lists; names and rules are byte strings ---
  /** @param user By name. */
  notPermitted: (user: string, name: string) =>
    new ReplyError(
      'NOPERM',
      `User ${asText(user)} has no permissions to run the '${name}' command`,
    ),
  keyNotPermitted: () => new ReplyError('NOPERM', 'No permissions to access a key'),
  channelNotPermitted: () => new ReplyError('NOPERM', 'No permissions to access a channel'),
  /** At EXEC, of what was permitted when it was queued. */
  notPermittedAnyMore: (reason: string) =>
    new ReplyError(
      'NOPERM',
      `ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: ${reason}`,
    ),
  userName: () => err("Usernames can't contain spaces or null characters"),
  userNameTooLong: (bytesMax: number) => err(`Usernames can't be longer than ${bytesMax} bytes`),
  userRule: (rule: string, reason: string) =>
    err(`Error in ACL SETUSER modifier '${asText(rule)}': ${reason}`),
  unmatchedSelector: (rule: string) =>
    err(`Unmatched parenthesis in acl selector starting at '${asText(rule)}'.`),
  defaultUserStays: () => err("The 'default' user cannot be removed"),
  userMissing: (name: string) => err(`User '${asText(name)}' not found`),
  commandMissing: (name: string) => err(`Command '${asText(name)}' not found`),
  unknownCategory: (name: string) => err(`Unknown category '${name}'`),
  passwordBits: (max: number) =>
    err(
      `ACL GENPASS argument must be the number of bits for the output password, a positive number up to ${max}`,
    ),
  noUserFile: () =>
    err(
      'This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.',
    ),
  userFileNotOpened: (path: string, reason: string) =>
    err(`Error loading ACLs, opening file '${path}': ${reason}`),
  /** All that is wrong with it, as a byte string. */
  userFile: (reason: string) => err(asText(reason)),
  userFileNotSaved: () =>
    err(
      'There was an error trying to save the ACLs. Please check the server logs for more information',
    ),

  // --- transactions ---
  nestedMulti: () => err('MULTI calls can not be nested'),
  execWithoutMulti: () => err('EXEC without MULTI'),
  discardWithoutMulti: () => err('DISCARD without MULTI'),
  watchInsideMulti: () => err('WATCH inside MULTI is not allowed'),
  notInTransaction: () => err('Command not allowed inside a transaction'),
  execAborted: () =>
    new ReplyError('EXECABORT', 'Transaction discarded because of previous errors.'),
  /** EXEC itself was refused. */
  execRefused: (reason: string) =>
    new ReplyError('EXECABORT', `Transaction discarded because of: ${reason}`),

  // --- settings ---
  unknownSetting: (name: string) =>
    err(`Unknown option or number of arguments for CONFIG SET - '${name}'`),
  configSetFailed: (name: string, reason: string) =>
    err(`CONFIG SET failed (possibly related to argument '${name}') - ${reason}`),

  noConfigFile: () => err('The server is running without a config file'),
  rewriteFailed: (reason: string) => err(`Rewriting config file: ${reason}`),

  // --- keys and strings ---
  invalidExpireTime: (name: string) => err(`invalid expire time in '${name}' command`),
  unsupportedOption: (word: string) => err(`Unsupported option ${word}`),
  nxWithOthers: () => err('NX and XX, GT or LT options at the same time are not compatible'),
  gtWithLt: () => err('GT and LT options at the same time are not compatible'),

  notFloat: () => err('value is not a valid float'),
  notPositive: () => err('value is out of range, must be positive'),
  outOfRange: () => err('value is out of range'),
  notNegatable: () =>
    err('value is out of range, value must between -9223372036854775807 and 9223372036854775807'),
  /** @param max As a decimal integer; the least is its negative. */
  notInt32: () => err('value is out of range, value must between -2147483648 and 2147483647'),
  outOfBounds: (max: string) => err(`value is out of range, value must between -${max} and ${max}`),
  wouldOverflow: () => err('increment or decrement would overflow'),
  notFinite: () => err('value is NaN or Infinity'),
  incrementNotFinite: () => err('increment would produce NaN or Infinity'),
  stringTooLong: () => err('string exceeds maximum allowed size (proto-max-bulk-len)'),
  optionNotSupported: (option: string) => err(`${option} is not supported by this server`),

  // --- hashes, lists, sets, sorted sets, streams ---
  hashNotInteger: () => err('hash value is not an integer'),
  hashNotFloat: () => err('hash value is not a float'),
  indexOutOfRange: () => err('index out of range'),
  notSortable: () => err("One or more scores can't be converted into double"),
  keyCountNotPositive: () => err('numkeys should be greater than 0'),
  tooManyKeys: () => err("Number of keys can't be greater than number of args"),
  limitNegative: () => err("LIMIT can't be negative"),
  popCountNotPositive: () => err('count should be greater than 0'),
  scoreNotANumber: () => err('resulting score is not a number (NaN)'),
  notFloatRange: () => err('min or max is not a float'),
  notMemberRange: () => err('min or max not valid string range item'),
  weightNotFloat: () => err('weight value is not a float'),
  noInputKey: (name: string) => err(`at least 1 input key is needed for '${name}' command`),
  addIfAbsentAndPresent: () => err('XX and NX options at the same time are not compatible'),
  addFlagsIncompatible: () => err('GT, LT, and/or NX options at the same time are not compatible'),
  incrementOfOne: () => err('INCR option supports a single increment-element pair'),
  limitWithoutRange: () =>
    err('syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX'),
  scoresOfLex: () => err('syntax error, WITHSCORES not supported in combination with BYLEX'),
  invalidStreamId: () => err('Invalid stream ID specified as stream command argument'),
  streamIdTooSmall: () =>
    err('The ID specified in XADD is equal or smaller than the target stream top item'),
  streamIdZero: () => err('The ID specified in XADD must be greater than 0-0'),
  streamExhausted: () =>
    err('The stream has exhausted the last possible ID, unable to add more items'),

  invalidIntervalId: (end: 'start' | 'end') => err(`invalid ${end} ID for the interval`),
  setIdTooSmall: () => err('The ID specified in XSETID is smaller than the target stream top item'),
  setIdBelowDeleted: () =>
    err('The ID specified in XSETID is smaller than current max_deleted_entry_id'),
  setIdEntriesTooFew: () =>
    err('The entries_added specified in XSETID is smaller than the target stream length'),
  setIdBelowGiven: () =>
    err('The ID specified in XSETID is smaller than the provided max_deleted_entry_id'),
  entriesAddedNotPositive: () => err('entries_added must be positive'),
  /** @param option `MAXLEN` or `LIMIT`. */
  trimNegative: (option: string) => err(`The ${option} argument must be >= 0.`),
  trimLimitWithoutTilde: () =>
    err('syntax error, LIMIT cannot be used without the special ~ option'),
  trimLimitAlone: () =>
    err('syntax error, LIMIT cannot be used without specifying a trimming strategy'),
  trimBothWays: () =>
    err('syntax error, MAXLEN and MINID options at the same time are not compatible'),
  trimMissing: () => err('syntax error, XTRIM must be called with MAXLEN or MINID'),
  unbalancedRead: () =>
    err("Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."),
  noSuchGroup: (group: string, key: string) =>
    new ReplyError('NOGROUP', `No such consumer group '${group}' for key name '${key}'`),
  groupIdWithoutGroup: () =>
    err(
      'The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.',
    ),
  rankZero: () =>
    err(
      "RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
    ),
  positionCountNegative: () => err("COUNT can't be negative"),
  positionMaxNegative: () => err("MAXLEN can't be negative"),

  // --- strings and bits ---
  invalidBitOffset: () => err('bit offset is not an integer or out of range'),
  invalidBit: () => err('bit is not an integer or out of range'),
  bitNeither: () => err('The bit argument must be 1 or 0.'),
  notWithOneSource: () => err('BITOP NOT must be called with a single source key.'),
  invalidBitfieldType: () =>
    err(
      'Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.',
    ),
  invalidOverflow: () => err('Invalid OVERFLOW type specified'),
  onlyGet: () => err('BITFIELD_RO only supports the GET subcommand'),
  decrementOverflow: () => err('decrement would overflow'),
  offsetOutOfRange: () => err('offset is out of range'),
  lcsNotStrings: () => err('The specified keys must contain string values'),
  lcsBothWanted: () => err('If you want both the length and indexes, please just use IDX.'),
  lcsTooLarge: () =>
    err('Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len'),

  // --- keys ---
  sameObject: () => err('source and destination objects are the same'),
  invalidDatabase: (which: 'first' | 'second') => err(`invalid ${which} DB index`),
  invalidCursor: () => err('invalid cursor'),
  frequencyNotTracked: () =>
    err(
      'An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
    ),
  idleNotTracked: () =>
    err(
      'An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
    ),

  // --- DUMP, RESTORE and what is kept on disk ---
  badDumpChecksum: () => err('DUMP payload version or checksum are wrong'),
  badDumpFormat: () => err('Bad data format'),
  busyKey: () => new ReplyError('BUSYKEY', 'Target key name already exists.'),
  migrateKeyGiven: () =>
    err('When using MIGRATE KEYS option, the key argument must be set to the empty string'),
  invalidTtl: () => err('Invalid TTL value, must be >= 0'),
  invalidIdleTime: () => err('Invalid IDLETIME value, must be >= 0'),
  invalidFrequency: () => err('Invalid FREQ value, must be >= 0 and <= 255'),
  saveInProgress: () => err('Background save already in progress'),
  loading: () => new ReplyError('LOADING', 'Redis is loading the dataset in memory'),
  cannotPersist: () =>
    new ReplyError(
      'MISCONF',
      "Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.",
    ),
  cannotJournal: (reason: string) =>
    new ReplyError('MISCONF', `Errors writing to the AOF file: ${reason}`),
  notEnoughReplicas: () => new ReplyError('NOREPLICAS', 'Not enough good replicas to write.'),
  rewriteInProgress: () => err('Background append only file rewriting already in progress'),
  cannotRewrite: (reason: string) => err(`the append only file cannot be rewritten: ${reason}`),
  noJournal: () => err('WAITAOF cannot be used when numlocal is set but appendonly is disabled.'),
  localOutOfRange: () => err('value is out of range, value must between 0 and 1'),
  nothingToLoad: (what: string) => err(`there is nothing to be loaded: no ${what}`),
  cannotReload: (reason: string) =>
    err(`nothing was loaded, since the append only file cannot be written: ${reason}`),
  shutdownFailed: () => err('Errors trying to SHUTDOWN. Check logs.'),
  cannotSave: (reason: string) => err(`the data cannot be saved: ${reason}`),

  // --- the server ---
  noShutdown: () => err('No shutdown in progress.'),
  invalidCommand: () => err('Invalid command specified'),
  noKeyArguments: () => err('The command has no key arguments'),
  invalidArgumentCount: () => err('Invalid number of arguments specified for command'),
  invalidArguments: () => err('Invalid arguments specified for command'),

  // --- what is watched, functions, DEBUG ---
  cachingWithoutTracking: () =>
    err(
      'CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
    ),
  slowLogCount: () => err('count should be greater than or equal to -1'),
  noLatencySamples: (event: string) => err(`No samples available for event '${event}'`),
  functionFlushMode: () => err('FUNCTION FLUSH only supports SYNC|ASYNC option'),
  libraryNameMissing: () => err('library name argument was not given'),
  unknownArgument: (word: string) => err(`Unknown argument ${word}`),
  restorePolicy: () =>
    err('Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.'),
  wrongDump: () => err('DUMP payload version or checksum are wrong'),
  noLibrary: () => err('Library not found'),
  noFunctionRuns: () => new ReplyError('NOTBUSY', 'No scripts in execution right now.'),
  debugNotAllowed: () =>
    err(
      'DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.',
    ),
  /** What DEBUG ERROR is given. */
  reloadOption: () => err('DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.'),
  notInResp2: () => err('RESP2 is not supported by this command'),
  noReplyType: () =>
    err(
      'Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false',
    ),
  ofDebug: (text: string) => bare(text),

  // --- tensors ---
  tensorMissing: () => err('tensor key is empty or in a different shard'),
  invalidDataType: () => err('invalid data type'),
  invalidShape: () => err('invalid or negative value found in tensor shape'),
  noSingleBlob: () =>
    err("a single binary string should come after the BLOB argument in 'AI.TENSORSET' command"),
  wrongValueCount: () => err("wrong number of values was given in 'AI.TENSORSET' command"),
  wrongBlobLength: () => err('data length does not match tensor shape and type'),
  invalidBool: () => err('BOOL tensor elements must be 0 or 1'),
  wrongStringCount: () =>
    err('Number of string elements in data blob does not match tensor length'),
  nulInString: () => err('C-string value contains null character'),
  invalidValue: () => err('invalid value'),
  blobAndValues: () => err('both BLOB and VALUES specified'),
  unsupportedFormat: () => err('unsupported data format'),

  // --- models ---
  modelMissing: () => err('model key is empty'),
  tooManyChunks: () =>
    err('the model has more pieces of MODEL_CHUNK_SIZE than a reply can have: set it larger'),
  unsupportedBackend: () => err('unsupported backend'),
  invalidDevice: () => err('Invalid DEVICE'),
  unsupportedDevice: () => err('unsupported device'),
  invalidOption: (option: string) => err(`Invalid argument for ${option}`),
  optionWithout: (option: string, other: string) => err(`${option} specified without ${other}`),
  noBatchingInTflite: () => err('Auto-batching not supported by the TFLITE backend'),
  blobMissing: () => err('Insufficient arguments, missing model BLOB'),
  blobExpected: () => err('Invalid argument, expected BLOB'),
  listMissingForTf: (list: ArgumentList) => err(`${nameOf[list]} not specified for TF`),
  invalidListCount: (list: ArgumentList) => err(`Invalid argument for ${oneOf[list]}_count`),
  tooFewModelNames: (list: ArgumentList) =>
    err(`number of model ${list} does not match the number of given arguments`),
  inputsNotAllowed: () => err('INPUTS argument should not be specified for this backend'),
  noInputsAndOutputs: () => err('Insufficient arguments, INPUTS and OUTPUTS not specified'),
  listMissing: (list: ArgumentList) => err(`${nameOf[list]} not specified`),
  countNotPositive: (list: ArgumentList) =>
    err(`${capitalized[list]} count must be a positive integer`),
  notAsModelDefines: (list: ArgumentList) =>
    bare(`Number of keys given as ${nameOf[list]} here does not match model definition`),
  tooFewModelKeys: (list: ArgumentList) =>
    err(
      `number of ${oneOf[list]} keys to AI.MODELEXECUTE command does not match the number of given arguments`,
    ),
  noTimeoutValue: () => err('No value provided for TIMEOUT'),
  invalidTimeout: () => err('Invalid value for TIMEOUT'),
  invalidArgument: (word: string) => bare(`Invalid argument: ${word}`),
  notInAiTransaction: () => err('Cannot run RedisAI command within a transaction or a LUA script'),

  // --- scripts ---
  scriptMissing: () => err('script key is empty'),
  noEntryPoints: () => err('Insufficient arguments, missing script entry points'),
  entryPointCount: () => err('Non numeric entry points number provided to AI.SCRIPTSTORE command'),
  sourceMissing: () => err('Insufficient arguments, missing script SOURCE'),
  scopeNotFirst: () =>
    err('KEYS or INPUTS scope must be provided first for AI.SCRIPTEXECUTE command'),
  scopeRepeated: (scope: string) =>
    err(`Already Encountered ${scope} scope in AI.SCRIPTEXECUTE command`),
  keysMissing: () => err('Missing arguments after KEYS keyword'),
  keyCount: () => err('Invalid or negative value found in number of KEYS'),
  tooFewKeys: () =>
    err(
      'Number of pre declared KEYS to be used in the command does not match the number of given arguments',
    ),
  scopeAtEnd: () => err('Invalid arguments provided to AI.SCRIPTEXECUTE'),
  /** @param what `inputs`, `outputs`, and for ARGS upstream says `keys`. */
  scopeCount: (what: string) => err(`Invalid argument for ${what} count in AI.SCRIPTEXECUTE`),
  tooFewInScope: (what: string) =>
    err(
      `number of ${what} to AI.SCRIPTEXECUTE command does not match the number of given arguments`,
    ),
  unexpectedInScript: (word: string) =>
    err(`Invalid AI.SCRIPTEXECUTE command. Unexpected argument: ${word}`),
  noScriptTimeoutValue: () => err('No value provided for TIMEOUT in AI.SCRIPTEXECUTE'),
  afterScriptTimeout: () => err('Encountered problem parsing AI.SCRIPTEXECUTE'),
  /** @param what `TIMEOUT section`, `INPUTS section`, `INPUTS keyword` or `OUTPUTS keyword`. */
  repeatedInScriptRun: (what: string) => err(`Already encountered an ${what} in SCRIPTRUN`),
  variadicOutsideInputs: () =>
    err('Encountered a variable size list of tensors outside of input section'),
  secondVariadic: () => err('Already encountered a variable size list of tensors'),
  unexpectedInScriptRun: () => err('Unrecongnized parameter to SCRIPTRUN'),

  // --- DAGs ---
  /** @param name In capitals. */
  dagArgumentsMissing: (name: string) => err(`missing arguments for '${name}' command`),
  dagClauseMissing: () =>
    err(
      'AI.DAGEXECUTE and AI.DAGEXECUTE_RO commands must contain at least one out of ROUTING, LOAD, PERSIST keywords',
    ),
  dagEmpty: () => err('DAG is empty'),
  unexpectedInDag: (word: string) => err(`Invalid DAG command. Unexpected argument:  ${word}`),
  dagKeysMissing: (clause: DagClause) =>
    err(`missing arguments after ${clause} keyword in DAG command`),
  dagKeyCount: (clause: DagClause) =>
    err(`invalid or negative value found in number of keys to ${clause}`),
  tooFewDagKeys: (clause: DagClause) =>
    err(`number of keys to ${whereTo[clause]} does not match the number of given arguments`),
  persistRepeated: () => err('PERSIST keys must be unique'),
  persistInReadOnlyDag: () => err('PERSIST cannot be specified in a read-only DAG'),
  persistMissing: () => err('PERSIST key cannot be found in DAG'),
  routingMissing: () => err('Missing ROUTING value'),
  dagInputMissing: () => err('INPUT key cannot be found in DAG'),
  wrongArityInDag: (name: string) => bare(`wrong number of arguments for '${name}' command`),
  unsupportedInDag: () => bare('Unsupported command within DAG'),
  deprecatedInDag: (name: string) =>
    bare(`Deprecated ${name} cannot be used in AI.DAGEXECUTE command`),
  notInDeprecatedDag: (name: string) =>
    bare(`${name} cannot be used in a deprecated AI.DAGRUN command`),
  scriptInReadOnlyDag: () => err('AI.SCRIPTEXECUTE command cannot be specified in a read-only DAG'),
  timeoutInDag: () => err('TIMEOUT not allowed within a DAG command'),

  // --- commands of scripts ---
  notFromScript: (name: string) => err(`This Redis command is not allowed from script: '${name}'`),
  scriptWordTooLong: (bytesMax: number) =>
    err(`a word of redis.execute is longer than proto-max-bulk-len (${bytesMax} bytes)`),
  scriptWordsTooLong: (bytesMax: number) =>
    err(`the words of redis.execute are longer than client-query-buffer-limit (${bytesMax} bytes)`),
  scriptReplyTooLong: (bytesMax: number) =>
    err(`the reply to redis.execute is longer than reply-backlog-max (${bytesMax} bytes)`),

  // --- AI.INFO and AI.CONFIG ---
  noRunInfo: () => err('cannot find run info for key'),
  backendNotLoaded: () => err('error loading backend'),
  backendsPathMissing: () => err('BACKENDSPATH: missing path argument'),
  chunkSizeMissing: () => err('MODEL_CHUNK_SIZE: missing chunk size'),
  invalidChunkSize: () => err('MODEL_CHUNK_SIZE: invalid chunk size'),
  unsupportedSubcommand: () => err('unsupported subcommand'),
  /** A runtime's own words, which carry their code where they have one. */
  ofRuntime: (text: string) => bare(text === '' ? 'ERR unknown error' : text),
} as const;
