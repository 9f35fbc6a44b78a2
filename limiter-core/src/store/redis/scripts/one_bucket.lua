-- The common case of a decision: one cost under one bucket whose interval is whole microseconds. Answers with
-- the clock and the debt that is left, or with the clock, the wait and the debt; or with nothing where there is
-- more to it: then nothing was done.
-- ARGV: clock or '', cost, interval, time to full.
local call, floor = redis.call, math.floor
local now, extra = tonumber(ARGV[1]), 86400000
if not now then
  local time = call('TIME')
  now, extra = time[1] * 1000000 + time[2], 0
end
local text = call('GET', KEYS[1])
local debt, full = 0, tonumber(ARGV[4])
if text then
  local tat = tonumber(text)
  if not tat or tat < 0 or tat ~= floor(tat) then return false end
  debt = tat - now
  if debt < 0 then debt = 0 end
  if debt > full then return false end
end
local after = debt + ARGV[2] * ARGV[3]
if after > full then
  if call('PTTL', KEYS[1]) == -1 then return false end
  return { now, after - full, debt }
end
call('SET', KEYS[1], now + after, 'PX', floor((after + 1000) / 1000) + extra)
return { now, after }
