-- Counts an outcome of an exposed unit, found by its token (one day, the row is made if need be) or by its
-- session (the newest open day that showed it the message by then; nothing is made). Safe to repeat.
-- KEYS  for each day: row page, counts
-- ARGV  1 when it happened (unix seconds)   2 outcome bit (0…17)   3 window (seconds)
--       4 outcome masks, comma-separated
--       5 word A from the token, or -1      6 when the token was issued (unix seconds)
--       7 1 when the partner's server reports it, 0 a browser (matters for repeat_trigger, whose bit has no tier)
--       then for each day: day number, seconds until it is sealed, pseudonym (8 bytes)
-- Returns 1 recorded, 0 already, -1 no exposure, -2 window closed, -3 crossed

local at, number, window, masks = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local word, issued, partner = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1'

local function day_at(i)
  local from = 8 + 3 * (i - 1)
  return tonumber(ARGV[from]), tonumber(ARGV[from + 1]), ARGV[from + 2]
end

-- The first exposure is known to the step only; nobody is refused for that.
local function closed(first)
  return at > first + window + STEP
end

local function record(row, page, counts, seconds, name)
  local new = set_bit(row, counts, number, masks)
  if partner and number == 16 then
    new = first_time_by_partner(row, 1)
  end
  keep(page, name, row, seconds)
  return new and 1 or 0
end

local function by_token(page, counts, day, seconds, name)
  local data = redis.call('HGET', page, name)
  local row = data and unpack_row(data)
  if row and row.variant ~= math.floor(word / 2 ^ 27) then
    count(counts, 'x.' .. row.variant)
    return -3
  end
  if closed(row and row.shown > 0 and first_shown(row, day) or issued) then
    return -2
  end
  if not row then
    row = {word = word, variant = math.floor(word / 2 ^ 27), shown = 0, step = 0, bits = 0}
    count(counts, cell(row) .. 'a')
  end
  if row.shown == 0 then
    expose(row, counts, issued, day)
    if partner then
      first_time_by_partner(row, 0)
    end
  end
  return record(row, page, counts, seconds, name)
end

if word >= 0 then
  local day, seconds, name = day_at(1)
  return by_token(KEYS[1], KEYS[2], day, seconds, name)
end

for i = 1, #KEYS / 2 do
  local day, seconds, name = day_at(i)
  local data = redis.call('HGET', KEYS[2 * i - 1], name)
  local row = data and unpack_row(data)
  if row and row.shown > 0 and at >= first_shown(row, day) then
    if closed(first_shown(row, day)) then
      return -2
    end
    return record(row, KEYS[2 * i - 1], KEYS[2 * i], seconds, name)
  end
end
return -1
