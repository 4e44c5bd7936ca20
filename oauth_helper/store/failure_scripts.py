"""The Lua scripts that write a failure with its indexes and counters in one step."""

from __future__ import annotations

from typing import Final

# KEYS: failure, attempt, open attempts, names, requests, diagnoses, version, then the counters of
# the day, then each index.
# ARGV: reference, time, expiry (Unix time), whether only for an open attempt, id of this write,
# fingerprint, its scopes, name of the request, the request, name of the diagnosis, the diagnosis
# if it is shared, number of counters, their fields, then the record's fields and values.
# redis-py sends a command again when the reply is lost, and finds the id of its own write.
RECORD: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.call('HGET', KEYS[1], 'mark') == ARGV[5] and 1 or 0
end
if ARGV[4] == '1' and not redis.call('ZSCORE', KEYS[3], ARGV[1]) then return 0 end
if redis.call('HGET', KEYS[2], 'outcome') == 'connected' then return 0 end
local counters = tonumber(ARGV[12])
redis.call('HSET', KEYS[1], 'mark', ARGV[5], unpack(ARGV, 13 + counters))
redis.call('EXPIREAT', KEYS[1], ARGV[3])
local first_of_day = 1 - redis.call('EXISTS', KEYS[4])
redis.call('HSETNX', KEYS[4], ARGV[6], ARGV[7])
redis.call('EXPIREAT', KEYS[4], ARGV[3])
redis.call('HSETNX', KEYS[5], ARGV[8], ARGV[9])
redis.call('EXPIREAT', KEYS[5], ARGV[3])
if ARGV[11] ~= '' then
  redis.call('HSETNX', KEYS[6], ARGV[10], ARGV[11])
  redis.call('EXPIREAT', KEYS[6], ARGV[3])
end
redis.call('SET', KEYS[7], ARGV[5], 'EXAT', ARGV[3])
for i = 1, counters do
  redis.call('HINCRBY', KEYS[7 + i], ARGV[12 + i], 1)
  redis.call('EXPIREAT', KEYS[7 + i], ARGV[3])
end
for i = 8 + counters, #KEYS do
  redis.call('ZADD', KEYS[i], ARGV[2], ARGV[1])
  redis.call('EXPIREAT', KEYS[i], ARGV[3])
end
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HSET', KEYS[2], 'outcome', 'failed') end
return 1 + first_of_day
"""

# KEYS: failure, names, requests, diagnoses, version, the counters to decrement, those to increment,
# the indexes that it leaves, then those that it is in.
# ARGV: reference, revision to replace, time, expiry (Unix time), id of this write, fingerprint, its
# scopes, name of the request, the request, name of the diagnosis, the diagnosis, number of counters
# to decrement, number to increment, number of indexes that it leaves, the counters' fields, then
# the record's fields and values.
CHANGE: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('HGET', KEYS[1], 'mark') == ARGV[5] then return 1 end
if redis.call('HGET', KEYS[1], 'rev') ~= ARGV[2] then return 0 end
local down, up, left = tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
redis.call('HSET', KEYS[1], 'mark', ARGV[5], unpack(ARGV, 15 + down + up))
redis.call('HSETNX', KEYS[2], ARGV[6], ARGV[7])
redis.call('EXPIREAT', KEYS[2], ARGV[4])
redis.call('HSETNX', KEYS[3], ARGV[8], ARGV[9])
redis.call('EXPIREAT', KEYS[3], ARGV[4])
if ARGV[11] ~= '' then
  redis.call('HSETNX', KEYS[4], ARGV[10], ARGV[11])
  redis.call('EXPIREAT', KEYS[4], ARGV[4])
end
redis.call('SET', KEYS[5], ARGV[5], 'EXAT', ARGV[4])
for i = 1, down do
  if redis.call('HINCRBY', KEYS[5 + i], ARGV[14 + i], -1) <= 0 then
    redis.call('HDEL', KEYS[5 + i], ARGV[14 + i])
  end
end
for i = down + 1, down + up do
  redis.call('HINCRBY', KEYS[5 + i], ARGV[14 + i], 1)
  redis.call('EXPIREAT', KEYS[5 + i], ARGV[4])
end
for i = 6 + down + up, 5 + down + up + left do redis.call('ZREM', KEYS[i], ARGV[1]) end
for i = 6 + down + up + left, #KEYS do
  redis.call('ZADD', KEYS[i], ARGV[3], ARGV[1])
  redis.call('EXPIREAT', KEYS[i], ARGV[4])
end
return 1
"""
