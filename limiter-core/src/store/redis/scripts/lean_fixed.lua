-- The common case of a decision: one cost under one fixed window; or several such, each about a key of its own. Of a
-- window that is open it answers with one number: the milliseconds that are left of it, times one more than the capacity,
-- and what is used of it. Where it opens one or refuses, or the clock is wanted, it answers with the clock, the time that
-- is left and what is used, and a fourth number if it refuses. Or with nothing where there is more to it: then nothing was
-- done. Of several keys it answers with as many answers.
-- ARGV: for each key a thousand times the cost, a thousand times one more than the capacity, period, the shift of windows
-- that are aligned or ''; where the clock is to be told, it or ''.
local call, floor = redis.pcall, math.floor
local told, far, given, read = ARGV[4 * #KEYS + 1], 0
if told and told ~= '' then given, far = told + 0, 4000000000000 end

-- The server's clock, read once.
local function clock()
  if not read then
    local time = call('TIME')
    read = time[1] * 1000000 + time[2]
  end
  return read
end

local function decide(key, takes, most, period, shift)
  local closes, used, refuses
  local text = call('GET', key)
  if text then
    local kept, left = tonumber(text), nil
    if given then left = call('PEXPIRETIME', key) - far - floor(given / 1000) else left = call('PTTL', key) end
    -- Within its last millisecond a window may be over.
    if not kept or kept < 1000 or left < 2 or left * 1000 - 1000 > period then return false end
    local after = kept + takes
    if after < most then
      if call('INCRBY', key, takes) ~= after then return false end
      if not told then return left * (most / 1000) + floor(after / 1000) end
      kept = after
    else
      refuses = 1
    end
    closes, used = left * 1000 - 999 + kept % 1000, floor(kept / 1000)
  end
  local now = given or clock()
  if used then return { now, closes - now % 1000, used, refuses } end
  closes = now + period
  if shift ~= '' then closes = closes - (now + shift) % period end
  local ends = floor((closes + 999) / 1000)
  if call('SET', key, takes + closes - ends * 1000 + 999, 'PXAT', ends + far).err then return false end
  return { now, closes - now, takes / 1000 }
end

if #KEYS == 1 then return decide(KEYS[1], ARGV[1], ARGV[2] + 0, ARGV[3] + 0, ARGV[4]) end
local answers = {}
for i, key in ipairs(KEYS) do
  local at = 4 * i
  answers[i] = decide(key, ARGV[at - 3], ARGV[at - 2] + 0, ARGV[at - 1] + 0, ARGV[at])
end
return answers
