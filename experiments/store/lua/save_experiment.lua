-- Writes the next value of an experiment if nobody else did meanwhile, with its log entry, its entry in the audit
-- log and, at its start, the locked protocol; claims and frees surfaces in the same act. A surface has at most one
-- experiment.
-- KEYS  1 experiments  2 revisions  3 surfaces  4 log of the experiment  5 catalogue  6 audit log  7 protocols
-- ARGV  1 experiment key   2 revision it was read at   3 next value (JSON)   4 log entry (JSON)
--       5 last entry of the audit log ('' none)   6 the entry that follows it (JSON)
--       7 field of the protocol ('' none)   8 protocol (JSON)
--       then the surfaces it holds from now on (all others it held are freed)
-- Returns {1} saved, {0, revision} somebody else changed it, {-1, surface, experiment} surface taken,
--         {-2} another entry came between in the audit log

local FIRST = 9
local key = ARGV[1]
local revision = redis.call('HGET', KEYS[2], key) or '0'
if revision ~= ARGV[2] then
  return {0, revision}
end
for i = FIRST, #ARGV do
  local holder = redis.call('HGET', KEYS[3], ARGV[i])
  if holder and holder ~= key then
    return {-1, ARGV[i], holder}
  end
end
if (redis.call('LINDEX', KEYS[6], -1) or '') ~= ARGV[5] then
  return {-2}
end
local held = redis.call('HGETALL', KEYS[3])
for i = 1, #held, 2 do
  if held[i + 1] == key then
    redis.call('HDEL', KEYS[3], held[i])
  end
end
for i = FIRST, #ARGV do
  redis.call('HSET', KEYS[3], ARGV[i], key)
end
redis.call('HSET', KEYS[1], key, ARGV[3])
redis.call('HSET', KEYS[2], key, tostring(tonumber(revision) + 1))
redis.call('RPUSH', KEYS[4], ARGV[4])
redis.call('RPUSH', KEYS[6], ARGV[6])
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[7], ARGV[7], ARGV[8])
end
redis.call('INCR', KEYS[5])
return {1}
