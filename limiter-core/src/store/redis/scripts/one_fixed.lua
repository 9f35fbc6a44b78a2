-- The common case of a decision: one cost under one fixed window. Of a window that is open it answers with one
-- number: the milliseconds that are left of it, times one more than the capacity, and what is used of it. Where it
-- opens one or refuses, or the clock is wanted, it answers with the clock, the time that is left and what is used,
-- and a fourth number if it refuses. Or with nothing where there is more to it: then nothing was done.
-- ARGV: a thousand times the cost, a thousand times one more than the capacity, period, the shift of windows that
-- are aligned or ''; where the clock is to be told, it or ''.
local call, floor = redis.pcall, math.floor
local key, told, far, now, closes, used, refuses = KEYS[1], ARGV[5], 0
if told and told ~= '' then now, far = told + 0, 4000000000000 end
local text = call('GET', key)
if text then
  local kept, left = tonumber(text), nil
  if now then left = call('PEXPIRETIME', key) - far - floor(now / 1000) else left = call('PTTL', key) end
  -- Within its last millisecond a window may be over.
  if not kept or kept < 1000 or left < 2 or left * 1000 - 1000 > ARGV[3] + 0 then return false end
  local most, after = ARGV[2] + 0, kept + ARGV[1]
  if after < most then
    if call('INCRBY', key, ARGV[1]) ~= after then return false end
    if not told then return left * (most / 1000) + floor(after / 1000) end
    kept = after
  else
    refuses = 1
  end
  closes, used = left * 1000 - 999 + kept % 1000, floor(kept / 1000)
end
if not now then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
end
if used then return { now, closes - now % 1000, used, refuses } end
closes = now + ARGV[3]
if ARGV[4] ~= '' then closes = closes - (now + ARGV[4]) % ARGV[3] end
local ends = floor((closes + 999) / 1000)
redis.call('SET', key, ARGV[1] + closes - ends * 1000 + 999, 'PXAT', ends + far)
return { now, closes - now, ARGV[1] / 1000 }
