-- What every script shares; put in front of each of them when it is loaded.
-- The layout of a row is described in rows.py.

local STEP = 10

local function unpack_row(data)
  local a, b = struct.unpack('>I4I4', data)
  return {
    word = math.floor(a / 256) * 256,             -- variant, phase, surface, stratum
    variant = math.floor(a / 2 ^ 27),
    shown = math.floor(a / 64) % 4,
    mine = a % 64,
    step = math.floor(b / 2 ^ 18),
    bits = b % 2 ^ 18,
  }
end

local function pack_row(row)
  return struct.pack('>I4I4', row.word + row.shown * 64 + (row.mine or 0), row.step * 2 ^ 18 + row.bits)
end

-- Prefix of a row's count fields: <phase>.<variant>.<surface>.<stratum>.
local function cell(row)
  local w = row.word
  return string.format('%d.%d.%d.%d.', math.floor(w / 2 ^ 17) % 1024, math.floor(w / 2 ^ 27),
    math.floor(w / 2 ^ 13) % 16, math.floor(w / 256) % 32)
end

local function has_bit(number, bit)
  return math.floor(number / 2 ^ bit) % 2 == 1
end

-- Notes that the partner itself reported something (bit of `mine`); false when it had done so before. What a
-- browser reported is none of the partner's business, so its receipt depends on its own reports only.
local function first_time_by_partner(row, number)
  row.mine = row.mine or 0
  if has_bit(row.mine, number) then
    return false
  end
  row.mine = row.mine + 2 ^ number
  return true
end

local function step_of(now, day)
  return math.max(0, math.min(16383, math.floor((now - day * 86400) / STEP)))
end

local function first_shown(row, day)
  return day * 86400 + row.step * STEP
end

-- Has the unit come back `seconds` after it was first shown the message? That moment is known to the step;
-- its end is taken, so that nothing counts too early.
local function back_after(row, now, day, seconds)
  return now >= first_shown(row, day) + STEP - 1 + seconds
end

local function count(counts, field)
  redis.call('HINCRBY', counts, field, 1)
end

local function keep(page, name, row, seconds)
  redis.call('HSET', page, name, pack_row(row))
  if redis.call('TTL', page) < 0 then
    redis.call('EXPIRE', page, seconds)
  end
end

-- Marks the message as shown for the first time.
local function expose(row, counts, now, day)
  row.shown, row.step = 1, step_of(now, day)
  count(counts, cell(row) .. 'e')
  count(counts, 'n.' .. row.variant .. '.1')
end

-- Notes one more showing. Only the first has a time, so the second counts from one pause after it, the
-- third from two. A retry of the first never counts; one of a second that came after two pauses counts as third.
local function show_again(row, counts, now, day, pause)
  if row.shown >= 3 or not back_after(row, now, day, row.shown * pause) then
    return false
  end
  row.shown = row.shown + 1
  count(counts, 'n.' .. row.variant .. '.' .. row.shown)
  return true
end

-- Sets an outcome bit and counts every outcome of the plan that becomes true by it.
-- masks: comma-separated bit masks in the plan's order. Returns false when the bit was set already.
local function set_bit(row, counts, number, masks)
  if has_bit(row.bits, number) then
    return false
  end
  local before = row.bits
  row.bits = before + 2 ^ number
  local prefix = cell(row)
  count(counts, prefix .. 'o' .. number)
  local index = 0
  for text in string.gmatch(masks, '%d+') do
    local mask = tonumber(text)
    if bit.band(before, mask) == 0 and bit.band(row.bits, mask) ~= 0 then
      count(counts, prefix .. 'd' .. index)
    end
    index = index + 1
  end
  return true
end
