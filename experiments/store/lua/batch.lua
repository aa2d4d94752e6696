-- Does several acts of one shard, in order, and writes them as one. Either all of it happens or nothing.
-- KEYS  the pages, counts and other keys of the shard that the acts name by their position here
-- ARGV  1 MessagePack: {acts, terms, spool}
--         acts   each {name, places, position of its terms, …what it carries}; see assign.lua, expose.lua, outcome.lua.
--                Or {'apart', position of a key, 0, field}: counts an event that may enter no arm
--         terms  each {window, life, pause, {outcome masks}}
--         spool  {} or, when a spool is replayed, {its id, position of the key that remembers it, a number for each act}
-- Returns the number of rows in the fullest page that was written, then code, word A and day of each act.
-- Code -9: this act of this spool has been done before.

acts.apart = function(key, _, field)
  add(KEYS[key], field)
  return 1
end

local batch = cmsgpack.unpack(ARGV[1])
local terms = {}
for index, one in ipairs(batch[2]) do
  terms[index] = {window = one[1], life = one[2], pause = one[3], masks = one[4]}
end

local spool, memory = batch[3][1], KEYS[batch[3][2] or 0]
local last = spool and tonumber(redis.call('HGET', memory, spool) or 0)
local newest = last

local reply = {0}
for index, act in ipairs(batch[1]) do
  local number = spool and batch[3][2 + index]
  local code, word, day = -9, 0, 0
  if not spool or number > last then
    code, word, day = acts[act[1]](act[2], terms[act[3]], unpack(act, 4))
    newest = spool and number
  end
  reply[#reply + 1] = code
  reply[#reply + 1] = word or 0
  reply[#reply + 1] = day or 0
end
reply[1] = commit()
if spool and newest > last then
  redis.call('HSET', memory, spool, newest)
end
return reply
