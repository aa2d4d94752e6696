-- Puts a day's counts away in their packed form, if they are still the counts that were packed: counts only grow, so
-- an equal sum means that nothing was added. Safe to repeat.
-- KEYS  1 counts of the day, 2 folded days
-- ARGV  1 day   2 sum of the counts that were packed   3 the packed counts
-- Returns 1 done, 0 the counts are others by now, 2 the day was folded before

if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then
  return 2
end
local sum = 0
for _, units in ipairs(redis.call('HVALS', KEYS[1])) do
  sum = sum + tonumber(units)
end
if sum ~= tonumber(ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('DEL', KEYS[1])
return 1
