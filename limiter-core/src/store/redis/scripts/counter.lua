-- A counter: a whole number. The first key is the counter, the others are summed up. ARGV: clock or '',
-- the change, the least and the most that is allowed, the lifetime, and whether to look at the sum.
-- Answers 1 if it was changed.
local function value(key)
  local text = call('GET', key)
  if not text then return 0 end
  local number = match(text, '^%-?%d+$') and tonumber(text)
  if not number or number > BIG or number < -BIG then
    foreign = true
    return 0
  end
  return number
end

local change, least, most = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local was, sum = value(KEYS[1]), 0
for i = 2, #KEYS do sum = sum + value(KEYS[i]) end
if foreign then return { err = 'LIMITERFOREIGN a key of the limiter holds what it has not written' } end
-- Compared with what there is room for: a sum beyond 2^53 would be rounded.
if change > most - was or -change > was - least or (ARGV[6] == '1' and change > most - sum) then return 0 end
call('SET', KEYS[1], was + change, 'PX', ARGV[5])
return 1
