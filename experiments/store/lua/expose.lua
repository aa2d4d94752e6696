-- Counts that the message was shown, on the word of a token; makes the row if it is not there yet.
-- Safe to repeat.
--   places  one: of the token's day
--   terms   as in assign.lua
--   now     unix seconds
--   word    word A from the token
--   issued  when the token was issued (unix seconds): a token sent again is no further showing
--   partner 1 when the partner's server reports it, 0 a browser
-- Returns 1 recorded, 0 already, -3 the row has another variant (crossed)

-- The row of a token at its place, made if need be; nil and the code when it has another variant.
local function by_token(place, word)
  local row = find(place)
  if row and row.variant ~= math.floor(word / 2 ^ 27) then
    return nil, crossed(place, row)
  end
  if not row then
    row = new_row(word)
    count(place, cell(row) .. 'a')
  end
  return row
end

acts.expose = function(places, terms, now, word, issued, partner)
  local place = places[1]
  local row, code = by_token(place, word)
  if not row then
    return code
  end
  local new = row.shown == 0
  if new then
    expose_row(row, place, now)
  elseif terms.pause >= 0 then
    show_again(row, place, issued, terms.pause)
  end
  if partner == 1 then
    new = first_time(row, 0)
  end
  keep(place, row)
  return new and 1 or 0
end
