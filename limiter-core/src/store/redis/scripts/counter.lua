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
local changed = value(KEYS[1]) + change
local sum = change
for i = 2, #KEYS do sum = sum + value(KEYS[i]) end
if foreign then return { err = 'LIMITERFOREIGN a key of the limiter holds what it has not written' } end
if changed > most or changed < least or (ARGV[6] == '1' and sum > most) then return 0 end
call('SET', KEYS[1], changed, 'PX', ARGV[5])
return 1
