-- The common case of a decision: one cost under one bucket whose interval is whole microseconds; or several such, each
-- about a key of its own. Answers with one number: the debt that the cost leaves, or would leave where that is more than
-- fits; with the clock before it where that is wanted. Or with nothing where there is more to it: then nothing was done.
-- Of several keys it answers with as many answers.
-- ARGV: for each key what its cost takes and the time to full; where the clock is to be told, it or ''.
local call, floor = redis.pcall, math.floor
local told = ARGV[2 * #KEYS + 1]
local now, extra = tonumber(told), 86400000
if not now then
  local time = call('TIME')
  now, extra = time[1] * 1000000 + time[2], 0
end

local function decide(key, takes, full)
  local text, debt = call('GET', key), 0
  if text then
    local tat = tonumber(text)
    if not tat or tat < 0 or tat ~= floor(tat) then return false end
    debt = tat - now
    if debt < 0 then debt = 0 end
    if debt > full then return false end
  end
  local after = debt + takes
  if after <= full then
    if call('SET', key, now + after, 'PX', floor((after + 1000) / 1000) + extra).err then return false end
  elseif call('PTTL', key) == -1 then
    return false
  end
  if told then return { now, after } end
  return after
end

if #KEYS == 1 then return decide(KEYS[1], ARGV[1], ARGV[2] + 0) end
local answers = {}
for i, key in ipairs(KEYS) do answers[i] = decide(key, ARGV[2 * i - 1], ARGV[2 * i] + 0) end
return answers
