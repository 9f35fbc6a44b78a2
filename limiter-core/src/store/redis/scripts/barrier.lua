-- A barrier: a hash of its generation `g`, parties `n`, arrivals `a`, lifetime `l`, whether it is cleared
-- `c`, and a field for each party that arrived by name. ARGV: clock or '', what to do, and for that:
--   make     parties, lifetime         -> 1 if it was made
--   arrive   party or ''               -> what it stands at, generation, missing
--   look     generation                -> what it stands at
--   withdraw generation, party or ''   -> the same, after taking an arrival back
-- It stands at 0 (waiting), 1 (cleared) or 2 (gone).
local key, what = KEYS[1], ARGV[2]
local known = call('HMGET', key, 'g', 'n', 'a', 'l', 'c')
local exists = known[1] ~= false
local arrived = tonumber(known[3])

if what == 'make' then
  if exists then return 0 end
  call('HSET', key, 'g', now, 'n', ARGV[3], 'a', 0, 'l', ARGV[4], 'c', 0)
  call('PEXPIRE', key, ARGV[4])
  return 1
end

local cleared = known[5] == '1'
if what == 'arrive' then
  if not exists then return { 2, 0, 0 } end
  if cleared then return { 1, tonumber(known[1]), 0 } end
  if ARGV[3] == '' then
    arrived = call('HINCRBY', key, 'a', 1)
  elseif call('HSETNX', key, 'party:' .. ARGV[3], 1) == 1 then
    arrived = call('HINCRBY', key, 'a', 1)
  end
  local missing = tonumber(known[2]) - arrived
  if missing <= 0 then
    call('HSET', key, 'c', 1)
    return { 1, tonumber(known[1]), 0 }
  end
  call('PEXPIRE', key, known[4])
  return { 0, tonumber(known[1]), missing }
end

if not exists or tonumber(known[1]) ~= tonumber(ARGV[3]) then return 2 end
if cleared then return 1 end
if what == 'withdraw' and (ARGV[4] == '' or call('HDEL', key, 'party:' .. ARGV[4]) == 1) then
  call('HINCRBY', key, 'a', -1)
end
return 0
