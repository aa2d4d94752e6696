-- Writes an account if it is still as it was read, with its entry in the audit log.
-- KEYS  1 audit log  2 accounts
-- ARGV  1 the entry that it follows ('' none)   2 the entry (JSON)
--       3 account id   4 the account as it was read ('' there was none)   5 its next value (JSON)
-- Returns 1 saved, 0 another entry came between, 2 somebody changed the account

if (redis.call('HGET', KEYS[2], ARGV[3]) or '') ~= ARGV[4] then
  return 2
end
if (redis.call('LINDEX', KEYS[1], -1) or '') ~= ARGV[1] then
  return 0
end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[5])
return 1
