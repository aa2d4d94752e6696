-- Counts an outcome of an exposed unit, found by its token (one place, the row is made if need be) or by its
-- session (the newest open day that showed it the message by then; nothing is made). Safe to repeat.
--   places  by token one, by session one for each open day
--   terms   as in assign.lua
--   happened  unix seconds
--   number  outcome bit (0…17)
--   word    word A from the token, or -1
--   issued  when the token was issued (unix seconds)
--   partner 1 when the partner's server reports it, 0 a browser (matters for repeat_trigger, whose bit has no tier)
-- Returns 1 recorded, 0 already, -1 no exposure, -2 window closed, -3 crossed

-- The first exposure is known to the step only; nobody is refused for that.
local function is_over(first, terms, happened)
  return happened > first + terms.window + STEP
end

local function record(row, place, terms, number, partner)
  local new = set_bit(row, place, number, terms.masks)
  if partner == 1 and number == 16 then
    new = first_time(row, 1)
  end
  keep(place, row)
  return new and 1 or 0
end

local function outcome_by_token(place, terms, happened, number, word, issued, partner)
  local known = find(place)
  local first = known and known.shown > 0 and first_shown(known, place[DAY]) or issued
  local is_ours = not known or known.variant == math.floor(word / 2 ^ 27)
  if is_ours and is_over(first, terms, happened) then
    return -2
  end
  local row, code = by_token(place, word)
  if not row then
    return code
  end
  if row.shown == 0 then
    expose_row(row, place, issued)
    if partner == 1 then
      first_time(row, 0)
    end
  end
  return record(row, place, terms, number, partner)
end

acts.outcome = function(places, terms, happened, number, word, issued, partner)
  if word >= 0 then
    return outcome_by_token(places[1], terms, happened, number, word, issued, partner)
  end
  for _, place in ipairs(places) do
    local row = find(place)
    if row and row.shown > 0 and happened >= first_shown(row, place[DAY]) then
      if is_over(first_shown(row, place[DAY]), terms, happened) then
        return -2
      end
      return record(row, place, terms, number, partner)
    end
  end
  return -1
end
