/** The version of Redis that clients are told. */
export const REDIS_VERSION = '7.2.4';
/** The version of RedisAI that clients are told, as a module's number and as words. */
export const MODULE_VERSION = 10207;
export const REDISAI_VERSION = '1.2.7';
