-- Finds a session that is not over and notes, once a minute, that it was used. In one act, so that a session that
-- was ended meanwhile is not written again.
-- KEYS  1 sessions of the account
-- ARGV  1 digest of its secret   2 now (unix seconds)   3 seconds it lasts without use   4 seconds it lasts at most
-- Returns the session (JSON), or nothing

local held = redis.call('HGET', KEYS[1], ARGV[1])
if not held then
  return false
end
local session, now = cjson.decode(held), tonumber(ARGV[2])
if now - session.seen > tonumber(ARGV[3]) or now - session.opened > tonumber(ARGV[4]) then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return false
end
if now - session.seen >= 60 then
  session.seen = now
  held = cjson.encode(session)
  redis.call('HSET', KEYS[1], ARGV[1], held)
end
return held
