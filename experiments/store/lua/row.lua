-- What every act shares: rows, counters, and the staging of both. The layout of a row is described in rows.py.
-- Acts only decide. What they decide is kept here and written by `commit`, when every act of the batch has been
-- decided: an act that fails leaves nothing half-written, and a counter that a hundred acts raise is written once.

local STEP = 10
local COUNTS, PAGE, DAY, SECONDS, NAME = 1, 2, 3, 4, 5  -- of a place: two positions in KEYS, day, seconds, pseudonym

local rows, changed, sums = {}, {}, {}

local function unpack_row(data)
  local a, b = struct.unpack('>I4I4', data)
  return {
    data = data,
    word = math.floor(a / 256) * 256,             -- variant, phase, surface, stratum
    variant = math.floor(a / 2 ^ 27),
    shown = math.floor(a / 64) % 4,
    told = a % 64,
    step = math.floor(b / 2 ^ 18),
    bits = b % 2 ^ 18,
  }
end

local function pack_row(row)
  return struct.pack('>I4I4', row.word + row.shown * 64 + row.told, row.step * 2 ^ 18 + row.bits)
end

local function new_row(word)
  return {word = word, variant = math.floor(word / 2 ^ 27), shown = 0, told = 0, step = 0, bits = 0}
end

-- The row at a place, as the acts before this one left it; false when there is none.
local function find(place)
  local page, name = KEYS[place[PAGE]], place[NAME]
  local held = rows[page]
  if not held then
    held = {}
    rows[page] = held
  end
  if held[name] == nil then
    local data = redis.call('HGET', page, name)
    held[name] = data and unpack_row(data)
  end
  return held[name]
end

local function keep(place, row)
  local page, name = KEYS[place[PAGE]], place[NAME]
  rows[page][name] = row
  changed[page] = changed[page] or {seconds = place[SECONDS], names = {}}
  changed[page].names[name] = row
end

local function add(key, field)
  local fields = sums[key]
  if not fields then
    fields = {}
    sums[key] = fields
  end
  fields[field] = (fields[field] or 0) + 1
end

local function count(place, field)
  add(KEYS[place[COUNTS]], field)
end

-- Writes what was decided. Returns the number of rows in the fullest page that got one.
local function commit()
  local fullest = 0
  for page, change in pairs(changed) do
    local fresh, size = {}, 0
    for name, row in pairs(change.names) do
      local data = pack_row(row)
      if data ~= row.data then
        fresh[size + 1], fresh[size + 2], size = name, data, size + 2
      end
    end
    if size > 0 then
      redis.call('HSET', page, unpack(fresh))
      local held = redis.call('HLEN', page)
      if held * 2 == size and redis.call('TTL', page) < 0 then
        redis.call('EXPIRE', page, change.seconds)
      end
      fullest = math.max(fullest, held)
    end
  end
  for key, fields in pairs(sums) do
    for field, number in pairs(fields) do
      redis.call('HINCRBY', key, field, number)
    end
  end
  return fullest
end

-- Prefix of a row's count fields: <phase>.<variant>.<surface>.<stratum>.
local cells = {}

local function cell(row)
  local w = row.word
  local known = cells[w]
  if known then
    return known
  end
  known = string.format('%d.%d.%d.%d.', math.floor(w / 2 ^ 17) % 1024, math.floor(w / 2 ^ 27),
    math.floor(w / 2 ^ 13) % 16, math.floor(w / 256) % 32)
  cells[w] = known
  return known
end

local function has_bit(number, bit)
  return math.floor(number / 2 ^ bit) % 2 == 1
end

-- Notes something that counts once (bit of `told`); false when it was noted before. Bits 0 and 1 are what the partner
-- itself reported: what a browser reported is none of its business, so its receipt depends on its own reports only.
-- Bit 2 is a report that contradicted the row.
local function first_time(row, number)
  if has_bit(row.told, number) then
    return false
  end
  row.told = row.told + 2 ^ number
  return true
end

-- A report that names another variant than the row has: counted apart, once for each unit.
local function crossed(place, row)
  if first_time(row, 2) then
    count(place, 'x.' .. row.variant)
    keep(place, row)
  end
  return -3
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

-- Marks the message as shown for the first time.
local function expose_row(row, place, now)
  row.shown, row.step = 1, step_of(now, place[DAY])
  count(place, cell(row) .. 'e')
  count(place, 'n.' .. row.variant .. '.1')
end

-- Notes one more showing. Only the first has a time, so the second counts from one pause after it, the
-- third from two. A retry of the first never counts; one of a second that came after two pauses counts as third.
local function show_again(row, place, now, pause)
  if row.shown >= 3 or not back_after(row, now, place[DAY], row.shown * pause) then
    return
  end
  row.shown = row.shown + 1
  count(place, 'n.' .. row.variant .. '.' .. row.shown)
end

-- Sets an outcome bit and counts every outcome of the plan that becomes true by it.
-- masks: bit masks in the plan's order. Returns false when the bit was set already.
local function set_bit(row, place, number, masks)
  if has_bit(row.bits, number) then
    return false
  end
  local before = row.bits
  row.bits = before + 2 ^ number
  local prefix = cell(row)
  count(place, prefix .. 'o' .. number)
  for index, mask in ipairs(masks) do
    if bit.band(before, mask) == 0 and bit.band(row.bits, mask) ~= 0 then
      count(place, prefix .. 'd' .. (index - 1))
    end
  end
  return true
end

local acts = {}  -- what can be done, by name; each takes places, terms and what the act carries, and returns its code
