-- Assigns a unit, or finds the assignment it has; notes a repeated trigger; counts the exposure if asked to.
-- Safe to repeat.
-- KEYS  for each open day, newest first: row page, counts
-- ARGV  1 now (unix seconds)
--       2 word A of the row to make, or -1 to make none (unit out of traffic)
--       3 1 when the message is shown with this reply to a browser's request, 2 to a partner's server's, else 0
--       4 window (seconds)   5 life of a token (seconds)   6 pause before a repeat counts (seconds, -1 never)
--       7 locale   8 bit mask of closed variants   9 outcome masks, comma-separated
--       then for each day: day number, seconds until it is sealed, pseudonym (8 bytes)
-- Returns {code, word A, day, rows in the page}
--       code 1 new row, 0 known row, 2 known row whose arm is closed, 3 known row now shown for the first time (to a partner: the first it reports),
--       -1 no row and none made

local now, word, shown, partner = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] ~= '0', ARGV[3] == '2'
local window, life, pause = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local locale, closed, masks = ARGV[7], tonumber(ARGV[8]), ARGV[9]

local function day_at(i)
  local at = 10 + 3 * (i - 1)
  return tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 2]
end

-- Today's row is always the unit's; an older one as long as its window lasts or its token can be used.
local function alive(row, i, day)
  local lasts = row.shown > 0 and window or life
  return i == 1 or now <= first_shown(row, day) + lasts
end

for i = 1, #KEYS / 2 do
  local page, counts = KEYS[2 * i - 1], KEYS[2 * i]
  local day, seconds, name = day_at(i)
  local data = redis.call('HGET', page, name)
  local row = data and unpack_row(data)
  if row and alive(row, i, day) then
    local code = 0
    local is_closed = has_bit(closed, row.variant)
    if row.shown == 0 then
      row.step = step_of(now, day)
      if shown and not is_closed then
        expose(row, counts, now, day)
        code = 3
      end
    elseif now <= first_shown(row, day) + window + STEP then
      if pause >= 0 and back_after(row, now, day, pause) then
        set_bit(row, counts, 16, masks)
      end
      if shown and not is_closed and pause >= 0 then
        show_again(row, counts, now, day, pause)
      end
    end
    if partner and not is_closed and first_time_by_partner(row, 0) then
      code = 3
    end
    keep(page, name, row, seconds)
    return {is_closed and 2 or code, row.word, day, 0}
  end
end

if word < 0 then
  return {-1, 0, 0, 0}
end

local day, seconds, name = day_at(1)
local page, counts = KEYS[1], KEYS[2]
local row = {word = word, variant = math.floor(word / 2 ^ 27), shown = 0, step = step_of(now, day), bits = 0}
count(counts, cell(row) .. 'a')
count(counts, 'l.' .. row.variant .. '.' .. locale)
if shown then
  expose(row, counts, now, day)
end
if partner then
  first_time_by_partner(row, 0)
end
keep(page, name, row, seconds)
return {1, row.word, day, redis.call('HLEN', page)}
