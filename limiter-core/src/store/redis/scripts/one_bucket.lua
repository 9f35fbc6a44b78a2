-- The common case of a decision: one cost under one bucket whose interval is whole microseconds. Answers with one
-- number: the debt that the cost leaves, or would leave where that is more than fits; with the clock before it where
-- that is wanted. Or with nothing where there is more to it: then nothing was done.
-- ARGV: what the cost takes, time to full; where the clock is to be told, it or ''.
local call, floor = redis.call, math.floor
local now, extra = tonumber(ARGV[3]), 86400000
if not now then
  local time = call('TIME')
  now, extra = time[1] * 1000000 + time[2], 0
end
local text = call('GET', KEYS[1])
local debt, full = 0, tonumber(ARGV[2])
if text then
  local tat = tonumber(text)
  if not tat or tat < 0 or tat ~= floor(tat) then return false end
  debt = tat - now
  if debt < 0 then debt = 0 end
  if debt > full then return false end
end
local after = debt + ARGV[1]
if after <= full then
  call('SET', KEYS[1], now + after, 'PX', floor((after + 1000) / 1000) + extra)
elseif call('PTTL', KEYS[1]) == -1 then
  return false
end
if ARGV[3] then return { now, after } end
return after
