-- Appends an entry to the audit log if it still follows the last one, with the document that it tells of.
-- KEYS  1 audit log   with a document:  2 hash of documents   where processes cache it:  3 catalogue
-- ARGV  1 the entry that it follows ('' none)   2 the entry (JSON)
--       with a document:  3 its field   4 its value   5 'new': only where there is none yet
-- Returns 1 appended, 0 another entry came between, 2 the document was there already

if #KEYS > 1 and ARGV[5] == 'new' and redis.call('HEXISTS', KEYS[2], ARGV[3]) == 1 then
  return 2
end
if (redis.call('LINDEX', KEYS[1], -1) or '') ~= ARGV[1] then
  return 0
end
redis.call('RPUSH', KEYS[1], ARGV[2])
if #KEYS > 1 then
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
end
if #KEYS > 2 then
  redis.call('INCR', KEYS[3])
end
return 1
