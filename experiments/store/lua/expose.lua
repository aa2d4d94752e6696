-- Counts that the message was shown, on the word of a token; makes the row if it is not there yet.
-- Safe to repeat.
-- KEYS  1 row page, 2 counts, of the token's day
-- ARGV  1 now (unix seconds)   2 word A from the token   3 day   4 seconds until the day is sealed
--       5 pseudonym (8 bytes)  6 pause before a further showing counts (seconds, -1 never)
--       7 when the token was issued (unix seconds): a token sent again is no further showing
--       8 1 when the partner's server reports it, 0 a browser
-- Returns 1 recorded, 0 already, -3 the row has another variant (crossed)

local now, word, day, seconds = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local name, pause, issued, partner = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1'
local data = redis.call('HGET', KEYS[1], name)
local row = data and unpack_row(data)

if row and row.variant ~= math.floor(word / 2 ^ 27) then
  count(KEYS[2], 'x.' .. row.variant)
  return -3
end
if not row then
  row = {word = word, variant = math.floor(word / 2 ^ 27), shown = 0, step = 0, bits = 0}
  count(KEYS[2], cell(row) .. 'a')
end
local new = row.shown == 0
if new then
  expose(row, KEYS[2], now, day)
elseif pause >= 0 then
  show_again(row, KEYS[2], issued, day, pause)
end
if partner then
  new = first_time_by_partner(row, 0)
end
keep(KEYS[1], name, row, seconds)
return new and 1 or 0
