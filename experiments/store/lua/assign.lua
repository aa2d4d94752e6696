-- Assigns a unit, or finds the assignment it has; notes a repeated trigger; counts the exposure if asked to.
-- Safe to repeat.
--   places  where the unit's row may be: one for each open day, newest first
--   terms   window, life of a token, pause before a repeat counts (seconds, -1 never), outcome masks
--   now     unix seconds
--   word    word A of the row to make, or -1 to make none (unit out of traffic)
--   shown   1 when the message is shown with this reply to a browser's request, 2 to a partner's server's, else 0
--   locale  of the message
--   closed  bit mask of closed variants
--   claimed 1 when the partner assigned the unit itself: another variant than the row's is `crossed`
-- Returns code, word A, day
--   code 1 new row, 0 known row, 2 known row whose arm is closed, 3 known row now shown for the first time (to a
--   partner: the first it reports), -1 no row and none made, -3 crossed

-- Today's row is always the unit's; an older one as long as its window lasts or its token can be used.
local function alive(row, index, place, terms, now)
  local lasts = row.shown > 0 and terms.window or terms.life
  return index == 1 or now <= first_shown(row, place[DAY]) + lasts
end

local function returning(row, place, terms, now, shown, closed)
  local code = 0
  if row.shown == 0 then
    row.step = step_of(now, place[DAY])
    if shown > 0 and not closed then
      expose_row(row, place, now)
      code = 3
    end
  elseif terms.pause >= 0 and now <= first_shown(row, place[DAY]) + terms.window + STEP then
    if back_after(row, now, place[DAY], terms.pause) then
      set_bit(row, place, 16, terms.masks)
    end
    if shown > 0 and not closed then
      show_again(row, place, now, terms.pause)
    end
  end
  if shown == 2 and not closed and first_time(row, 0) then
    code = 3
  end
  keep(place, row)
  return closed and 2 or code, row.word, place[DAY]
end

acts.assign = function(places, terms, now, word, shown, locale, closed, claimed)
  for index, place in ipairs(places) do
    local row = find(place)
    if row and alive(row, index, place, terms, now) then
      if claimed == 1 and row.variant ~= math.floor(word / 2 ^ 27) then
        return crossed(place, row), row.word, place[DAY]
      end
      return returning(row, place, terms, now, shown, has_bit(closed, row.variant))
    end
  end
  if word < 0 then
    return -1, 0, 0
  end
  local place, row = places[1], new_row(word)
  row.step = step_of(now, place[DAY])
  count(place, cell(row) .. 'a')
  count(place, 'l.' .. row.variant .. '.' .. locale)
  if shown > 0 then
    expose_row(row, place, now)
  end
  if shown == 2 then
    first_time(row, 0)
  end
  keep(place, row)
  return 1, row.word, place[DAY]
end
