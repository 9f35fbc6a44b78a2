-- The common case of a decision: one cost under one fixed window. Answers with the clock, the time that is left
-- of the window and what is used of it, and a fourth number if it refuses; or with nothing where there is more
-- to it: then nothing was done.
-- ARGV: clock or '', cost, capacity, period, shift or ''.
local call, floor = redis.call, math.floor
local now, extra = tonumber(ARGV[1]), 86400000
if not now then
  local time = call('TIME')
  now, extra = time[1] * 1000000 + time[2], 0
end
local period = tonumber(ARGV[4])
local latest = now + period
if ARGV[5] ~= '' then latest = latest - math.fmod(now + ARGV[5], period) end
local text = call('GET', KEYS[1])
local closes, used = latest, 0
if text then
  local colon = string.find(text, ':', 1, true)
  if not colon then return false end
  local closed, counted = tonumber(string.sub(text, 1, colon - 1)), tonumber(string.sub(text, colon + 1))
  if not closed or not counted or counted < 1 or counted ~= floor(counted) or closed ~= floor(closed) then
    return false
  end
  if closed > latest then return false end
  if closed > now then closes, used = closed, counted end
end
if used + ARGV[2] > tonumber(ARGV[3]) then
  if call('PTTL', KEYS[1]) == -1 then return false end
  return { now, closes - now, used, 1 }
end
used = used + ARGV[2]
call('SET', KEYS[1], string.format('%.0f:%.0f', closes, used), 'PX', floor((closes - now + 999) / 1000) + extra)
return { now, closes - now, used }
